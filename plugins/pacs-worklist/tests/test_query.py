"""Which steps match: PS3.4 K.6, on data sets and in the database alike."""

from __future__ import annotations

import datetime as dt

import pytest
from pydicom import Dataset

from pacs_framework.dicom.answering import answer_to, has_unsupported
from pacs_framework.dicom.packed import pack, unpack
from pacs_framework.errors import QueryError
from pacs_worklist.query import WorklistQuery
from pacs_worklist.steps import single_steps

DATE, TIME = "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime"
STATION = "ScheduledStationAETitle"

# What the step says beyond the usual (see conftest), the keys of the step, those at the top, and
# whether it matches.
LAWS = {
    "universal": ({}, {}, {}, True),
    "one day": ({}, {DATE: "20261121"}, {}, True),
    "another day": ({}, {DATE: "20261122"}, {}, False),
    "days around": ({}, {DATE: "20261120-20261122"}, {}, True),
    "days before": ({}, {DATE: "-20261120"}, {}, False),
    "from a day on": ({}, {DATE: "20261121-"}, {}, True),
    "hours around": ({}, {TIME: "10-11"}, {}, True),
    "hours after": ({}, {TIME: "1100-"}, {}, False),
    "a day with hours": ({}, {DATE: "20261121", TIME: "1000-1100"}, {}, True),
    "a day with other hours": ({}, {DATE: "20261121", TIME: "0800-0900"}, {}, False),
    # Table K.6-1: both ranges are one from the first moment to the last.
    "days and hours as one": ({}, {DATE: "20261120-20261122", TIME: "1800-0800"}, {}, True),
    "before the first moment": ({}, {DATE: "20261121-20261122", TIME: "1800-2000"}, {}, False),
    "after the last moment": ({}, {DATE: "20261120-20261121", TIME: "0600-1000"}, {}, False),
    # With a single time, the two are keys of their own.
    "days and one time": ({}, {DATE: "20261120-20261122", TIME: "1030"}, {}, True),
    "days and another time": ({}, {DATE: "20261120-20261122", TIME: "1100"}, {}, False),
    "station": ({}, {STATION: "CT1"}, {}, True),
    "another station": ({}, {STATION: "CT2"}, {}, False),
    "one of its stations": ({STATION: "CT2\\CT1"}, {STATION: "CT1"}, {}, True),
    "any of two stations": ({}, {STATION: ["CT2", "CT1"]}, {}, True),
    "both of its stations": ({STATION: "CT2\\CT1"}, {STATION: ["CT2", "CT1"]}, {}, True),
    "station by wild card": ({}, {STATION: "CT?"}, {}, True),
    "modality": ({}, {"Modality": "CT"}, {}, True),
    "another modality": ({}, {"Modality": "MR"}, {}, False),
    "physician": ({}, {"ScheduledPerformingPhysicianName": "smith*"}, {}, True),
    "another physician": ({}, {"ScheduledPerformingPhysicianName": "jones*"}, {}, False),
    "name in other case": ({}, {}, {"PatientName": "DOE^JOHN"}, True),
    "name by wild card": ({}, {}, {"PatientName": "do*"}, True),
    "name with a star": ({}, {}, {"PatientName": "*ohn*"}, True),
    "another name": ({}, {}, {"PatientName": "roe*"}, False),
    "name in its second group": (
        {"PatientName": "Yamada^Tarou=山田^太郎"},
        {},
        {"PatientName": "山田*"},
        True,
    ),
    "patient": ({}, {}, {"PatientID": "P1"}, True),
    "another patient": ({}, {}, {"PatientID": "p1"}, False),
    "accession by wild card": ({}, {}, {"AccessionNumber": "A*"}, True),
    "study": ({}, {}, {"StudyInstanceUID": "1.2.3"}, True),
    "list of studies": ({}, {}, {"StudyInstanceUID": ["1.2.4", "1.2.3"]}, True),
    "an attribute that the table has not": ({}, {}, {"InstitutionName": "St*"}, False),
    "one that the step has": (
        {"InstitutionName": "St. Mary"},
        {},
        {"InstitutionName": "St*"},
        True,
    ),
}


@pytest.mark.parametrize("law", LAWS)
def test_a_step_matches_or_not_on_its_own_and_in_the_database(law, item, keys, worklist):
    """What SQL leaves out is nothing that matches."""
    said, step, top, matches = LAWS[law]
    dataset = item(**said)
    query = WorklistQuery(identifier=keys(step, **top))
    worklist.put(dataset)
    assert query.matches(unpack(pack(dataset))) is matches
    assert len(worklist.offered(query)) == matches


def test_keys_inside_other_sequences_match_too(item, keys):
    code = Dataset()
    code.CodeValue = "CTA"
    dataset = item()
    dataset.RequestedProcedureCodeSequence = [code]
    asked, other = Dataset(), Dataset()
    asked.CodeValue, other.CodeValue = "CT*", "MR*"
    for wanted, matches in ((asked, True), (other, False)):
        identifier = keys()
        identifier.RequestedProcedureCodeSequence = [wanted]
        assert WorklistQuery(identifier=identifier).matches(dataset) is matches


def test_two_steps_at_once_cannot_be_asked_for(keys):
    identifier = keys()
    identifier.ScheduledProcedureStepSequence = [Dataset(), Dataset()]
    with pytest.raises(QueryError, match="more than one item"):
        WorklistQuery(identifier=identifier)


def test_each_step_of_a_data_set_is_an_item_of_its_own(item):
    dataset = item()
    second = item(ScheduledProcedureStepID="S2").ScheduledProcedureStepSequence[0]
    dataset.ScheduledProcedureStepSequence = [*dataset.ScheduledProcedureStepSequence, second]
    singles = list(single_steps(dataset))
    steps = [each.ScheduledProcedureStepSequence for each in singles]
    assert [[step.ScheduledProcedureStepID for step in each] for each in steps] == [["S1"], ["S2"]]
    assert {each.PatientID for each in singles} == {"P1"}


# --- answers ------------------------------------------------------------------------------------


def test_an_answer_has_the_keys_that_were_asked_and_no_others(item, keys):
    answer = answer_to(keys({"Modality": ""}, PatientID="", PatientSex=""), item())
    assert [element.keyword for element in answer] == [
        "PatientID",
        "PatientSex",
        "ScheduledProcedureStepSequence",
    ]
    assert answer.PatientID == "P1"
    assert not answer.PatientSex
    (step,) = answer.ScheduledProcedureStepSequence
    assert [(element.keyword, element.value) for element in step] == [("Modality", "CT")]


@pytest.mark.parametrize("asked", [[], [Dataset()]])
def test_a_sequence_without_keys_comes_back_whole(item, keys, asked):
    identifier = keys()
    identifier.ScheduledProcedureStepSequence = asked
    answer = answer_to(identifier, item())
    assert answer.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID == "S1"
    assert answer.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "CT1"


@pytest.mark.parametrize(
    ("asked", "name", "answered"),
    [
        ("ISO_IR 100", "Müller^Jörg", "ISO_IR 100"),
        ("ISO_IR 192", "Müller^Jörg", "ISO_IR 192"),
        ("ISO_IR 144", "Ждан^Юля", "ISO_IR 144"),
        ("", "Müller^Jörg", "ISO_IR 100"),
        ("ISO_IR 100", "山田^太郎", "ISO_IR 192"),
        ("ISO_IR 100", "Doe^John", None),
    ],
)
def test_text_is_in_the_character_set_of_the_query_where_that_can_carry_it(
    item, keys, asked, name, answered
):
    identifier = keys({"Modality": ""}, PatientName="")
    if asked:
        identifier.SpecificCharacterSet = asked
    answer = answer_to(identifier, unpack(pack(item(PatientName=name))))
    assert answer.get("SpecificCharacterSet") == answered
    assert str(answer.PatientName) == name


def test_answers_leave_the_item_as_it_is(item, keys):
    """Items of files are kept from one query to the next."""
    dataset = item(PatientName="Müller")
    before = dataset.to_json()
    identifier = keys()
    identifier.ScheduledProcedureStepSequence = []
    answer = answer_to(identifier, dataset)
    answer.ScheduledProcedureStepSequence[0].Modality = "XX"
    assert dataset.to_json() == before


def test_private_keys_are_not_supported(keys):
    identifier = keys()
    assert not has_unsupported(identifier)
    identifier.ScheduledProcedureStepSequence[0].add_new(0x00091001, "LO", "x")
    assert has_unsupported(identifier)
    assert WorklistQuery(identifier=identifier).matches(Dataset())


def test_what_nobody_began_is_offered_for_as_long_as_the_site_says(item, keys, worklist):
    worklist.put(item())
    for days, hours, offered in ((2, 47, 1), (2, 49, 0), (0, 10_000, 1)):
        now = dt.datetime(2026, 11, 21, 10, 30) + dt.timedelta(hours=hours)  # noqa: DTZ001 - local
        query = WorklistQuery(identifier=keys(), now=now)
        assert len(worklist.offered(query, offer_days=days)) == offered
