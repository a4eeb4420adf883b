"""Which identifiers may ask what: the hierarchy of the information models (PS3.4 C.4.1, C.6)."""

from __future__ import annotations

import pytest

from pacs_framework.archive.query_keys import Root, level_of
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import QueryError

P, ST, SE, IM = Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE


@pytest.mark.parametrize(
    ("root", "levels"),
    [
        (Root.PATIENT, [P, ST, SE, IM]),
        (Root.STUDY, [ST, SE, IM]),
        (Root.PATIENT_STUDY_ONLY, [P, ST]),
    ],
)
@pytest.mark.parametrize("level", list(Level))
def test_a_level_must_exist_in_the_model(filled, root, levels, level):
    identifier = filled.keys(QueryRetrieveLevel=level.value)
    if level in levels:
        assert level_of(identifier, root) is level
    else:
        with pytest.raises(QueryError, match=f"^no Query/Retrieve Level '{level}' in {root}"):
            level_of(identifier, root)


@pytest.mark.parametrize("value", ["", "study", "WORKLIST"])
def test_a_level_that_is_none_is_refused(filled, value):
    with pytest.raises(QueryError, match=r"Query/Retrieve Level"):
        level_of(filled.keys(QueryRetrieveLevel=value), Root.PATIENT)


HIERARCHICAL = [
    (Root.PATIENT, P, {"PatientName": "doe*"}, None),
    (Root.PATIENT, P, {"PatientID": "", "StudyInstanceUID": ""}, None),
    (Root.PATIENT, P, {"StudyInstanceUID": "1.2.1"}, "StudyInstanceUID has a value"),
    (Root.PATIENT, ST, {"PatientID": "P1"}, None),
    (Root.PATIENT, ST, {"StudyInstanceUID": "1.2.1"}, "needs one value in PatientID"),
    (Root.PATIENT, ST, {"PatientID": "P*"}, "needs one value in PatientID"),
    (Root.PATIENT, SE, {"PatientID": "P1", "StudyInstanceUID": "1.2.1"}, None),
    (Root.PATIENT, SE, {"PatientID": "P1"}, "needs one value in StudyInstanceUID"),
    (Root.STUDY, ST, {"PatientID": "P*"}, None),
    (Root.STUDY, SE, {"StudyInstanceUID": "1.2.1"}, None),
    (Root.STUDY, SE, {"StudyInstanceUID": "1.2.1\\1.2.2"}, "needs one value in StudyInstanceUID"),
    (Root.STUDY, SE, {}, "needs one value in StudyInstanceUID"),
    (Root.STUDY, IM, {"StudyInstanceUID": "1.2.1"}, "needs one value in SeriesInstanceUID"),
    (Root.STUDY, IM, {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.1"}, None),
]


@pytest.mark.parametrize(("root", "level", "wanted", "complaint"), HIERARCHICAL)
def test_hierarchical_queries_name_one_entity_of_each_level_above(
    filled, root, level, wanted, complaint
):
    """PS3.4 C.4.1.3.1.1; relational queries may leave it out (C.4.1.3.2.1)."""
    identifier = filled.keys(**wanted)
    if complaint is None:
        filled.archive.query.find(level, root, identifier)
    else:
        with pytest.raises(QueryError, match=complaint):
            filled.archive.query.find(level, root, identifier)
    filled.archive.query.find(level, root, identifier, relational=True)


@pytest.mark.parametrize(
    ("level", "wanted", "expected"),
    [
        (P, {"PatientID": ""}, ["P1", "P1", "P2", "P3", "P4", "P5"]),
        (ST, {"PatientID": "P1", "StudyInstanceUID": ""}, ["1.2.1", "1.2.2", "1.2.7"]),
        (
            SE,
            {"PatientID": "P1", "StudyInstanceUID": "1.2.1", "SeriesInstanceUID": ""},
            ["1.2.1.1", "1.2.1.2"],
        ),
        (
            IM,
            {
                "PatientID": "P1",
                "StudyInstanceUID": "1.2.1",
                "SeriesInstanceUID": "1.2.1.1",
                "SOPInstanceUID": "",
            },
            ["1.2.1.1.1", "1.2.1.1.2"],
        ),
    ],
)
def test_every_level_of_the_hierarchy_is_found_below_the_one_above(filled, level, wanted, expected):
    answer = list(wanted)[-1]
    found = filled.archive.query.find(level, Root.PATIENT, filled.keys(**wanted))
    assert sorted(match[answer].value for match in found) == expected


def test_a_mistake_is_told_before_the_first_answer_is_asked_for(filled):
    with pytest.raises(QueryError):
        filled.archive.query.find(IM, Root.STUDY, filled.keys(SOPInstanceUID=""))
