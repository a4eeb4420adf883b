"""Within a reach an archive answers as one that holds nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.key_plan import COUNTS
from pacs_framework.archive.marks import Subject
from pacs_framework.archive.query_keys import Root
from pacs_framework.archive.reach import Limit, Reach
from pacs_framework.dicom.attributes import Level

_LEVELS = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE)
_UNIQUE = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_LISTS = ("ModalitiesInStudy", "SOPClassesInStudy", "Modality", "Manufacturer", "StudyDescription")


def reach(*limits: Limit) -> Reach:
    return Reach((limits,))


@pytest.fixture
def content(empty: Any) -> list[Dataset]:
    """Two patients, of whom the second has an instance in study and series UIDs of the first."""
    made = empty.instance
    return [
        made("1.1.1", Modality="CT", Manufacturer="CT maker"),
        made("1.1.2", Modality="CT", Manufacturer="CT maker"),
        made("1.2.1", Modality="MR", Manufacturer="MR maker"),
        made("2.1.1", Modality="MR", Manufacturer="MR maker"),
        made("3.1.1", PatientID="p1", Modality="ct"),
        made("4.1.1", PatientID="P[1]", Modality="C%"),
        made("1.1.9", PatientID="P2", Modality="CT"),
    ]


# Two senders have a part each in the series 1.1; of the others nobody knows who sent them.
_SENDERS = {"1.1.1": "CT1", "1.1.2": "WS1", "1.2.1": "MR1", "2.1.1": "CT1", "1.1.9": "CT1"}


def fill(empty: Any, content: list[Dataset]) -> None:
    for dataset in content:
        number = dataset.SOPInstanceUID.removeprefix("1.2.")
        empty.store(dataset, sender=_SENDERS.get(number, ""))


def numbers(found: Any) -> list[str]:
    return sorted(each.sop_instance_uid.removeprefix("1.2.") for each in found)


_OF_CT1 = {"1.1.1", "2.1.1", "1.1.9"}
_CASES = [
    (reach(Limit(patients=("P1",))), {"1.1.1", "1.1.2", "1.2.1", "2.1.1"}),
    (reach(Limit(patients=("P?",))), {"1.1.1", "1.1.2", "1.2.1", "2.1.1", "1.1.9"}),
    (reach(Limit(patients=("*[1]",))), {"4.1.1"}),
    (reach(Limit(patients=("P_", "P%", "%"))), set()),
    (reach(Limit(modalities=("CT",))), {"1.1.1", "1.1.2", "1.1.9"}),
    (reach(Limit(modalities=("C*",))), {"1.1.1", "1.1.2", "1.1.9", "4.1.1"}),
    (reach(Limit(modalities=("MR",), patients=("P1",))), {"1.2.1", "2.1.1"}),
    (reach(Limit(studies=("1.2.1",))), {"1.1.1", "1.1.2", "1.2.1", "1.1.9"}),
    (reach(Limit(studies=("1.2.1",), patients=("P2",))), {"1.1.9"}),
    (reach(Limit(patients=("P2",)), Limit(modalities=("MR",))), {"1.2.1", "2.1.1", "1.1.9"}),
    (Reach(((Limit(patients=("P1",)),), (Limit(modalities=("CT",)),))), {"1.1.1", "1.1.2"}),
    (Reach(((Limit(patients=("P1",)),), (Limit(studies=("1.2.3",)),))), set()),
    (reach(Limit(labels=("research",))), {"2.1.1"}),
    (reach(Limit(labels=("research", "teaching"))), {"2.1.1", "1.1.9"}),
    (reach(Limit(labels=("nothing",))), set()),
    (reach(Limit(ae_titles=("CT1",))), {"1.1.1", "2.1.1", "1.1.9"}),
    (reach(Limit(ae_titles=("WS1", "MR1"))), {"1.1.2", "1.2.1"}),
    (reach(Limit(ae_titles=("ct1", "CT", "CT_", "CT%"))), set()),
    (reach(Limit(ae_titles=("?*",))), {"1.1.1", "1.1.2", "1.2.1", "2.1.1", "1.1.9"}),
    (reach(Limit(ae_titles=("*",), patients=("p1",))), {"3.1.1"}),
    (reach(Limit(ae_titles=("CT1",), modalities=("MR",))), {"2.1.1"}),
    (reach(Limit(ae_titles=("CT1",), patients=("P2",))), {"1.1.9"}),
    (reach(Limit(ae_titles=("CT1",), studies=("1.2.1",))), {"1.1.1", "1.1.9"}),
    (reach(Limit(ae_titles=("CT1",), labels=("research",))), {"2.1.1"}),
    (
        reach(Limit(ae_titles=("WS1",)), Limit(modalities=("MR",), patients=("P1",))),
        {"1.1.2", "1.2.1", "2.1.1"},
    ),
    (Reach(((Limit(ae_titles=("CT1",)),), (Limit(modalities=("CT",)),))), {"1.1.1", "1.1.9"}),
    (Reach(((Limit(ae_titles=("CT1",)),), (Limit(ae_titles=("WS1",)),))), set()),
    (Reach(((Limit(ae_titles=("?T1",)),), (Limit(ae_titles=("W*", "C*")),))), _OF_CT1),
]


def test_answers_are_those_of_an_archive_without_the_rest(
    empty: Any, content: list[Dataset], open_archive: Callable[..., Any], tmp_path: Path
) -> None:
    """At all levels: matches, counts, lists, and attributes that a stored header speaks of."""
    fill(empty, content)
    label(empty, "1.2.2", "research")
    label_patient(empty, "P2", "teaching")
    for number, (bounds, within) in enumerate(_CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        rest = [d for d in content if d.SOPInstanceUID.removeprefix("1.2.") in within]
        with open_archive(f"sqlite:///{folder / 'index.db'}", folder, rest) as alone:
            for level in _LEVELS:
                told = sorted(answers(empty, level, within=bounds))
                assert told == sorted(answers(alone, level)), (bounds, level)
        if within:
            located = empty.archive.retrieve.locate(
                Level.PATIENT,
                Root.PATIENT,
                empty.keys(PatientID="\\".join(sorted({d.PatientID for d in content}))),
                within=bounds,
            )
            assert numbers(located) == sorted(within)
            assert len(located) == len(within)


def answers(filled: Any, level: Level, **options: Any) -> Iterator[str]:
    """All of what can be asked at a level, as text."""
    asked = dict.fromkeys((*_UNIQUE, *_LISTS), "") | dict.fromkeys(COUNTS, "")
    found = filled.archive.query.find(
        level, Root.PATIENT, filled.keys(**asked), relational=True, **options
    )
    return map(str, found)


def label(filled: Any, study: str, name: str) -> None:
    filled.archive.marks.label(Subject(study=study), name, by="test")


def label_patient(filled: Any, patient: str, name: str) -> None:
    subject = Subject(patient=PatientKey(patient_id=patient, issuer=""))
    filled.archive.marks.label(subject, name, by="test")


@pytest.mark.parametrize(
    "wanted",
    [
        {"ModalitiesInStudy": "MR"},
        {"Modality": "MR"},
        {"SOPInstanceUID": "1.2.1.2.1"},
        {"SeriesInstanceUID": "1.2.1.2"},
        {"Manufacturer": "MR maker"},
        {"NumberOfStudyRelatedSeries": "2"},
    ],
    ids=str,
)
def test_a_key_does_not_feel_what_is_beyond(
    empty: Any, content: list[Dataset], wanted: dict[str, str]
) -> None:
    """The study matches for who may see its MR series, and not for who sees the CT alone."""
    for dataset in content[:3]:
        empty.store(dataset)
    identifier = empty.keys(**{"StudyInstanceUID": "", **wanted})
    find = empty.archive.query.find
    options = {"relational": True}
    if "Manufacturer" not in wanted:  # a study is told by its first header, which is a CT's
        assert len(list(find(Level.STUDY, Root.STUDY, identifier, **options))) == 1
    bounds = reach(Limit(modalities=("CT",)))
    assert list(find(Level.STUDY, Root.STUDY, identifier, within=bounds, **options)) == []


def test_a_key_does_not_feel_another_senders_part_of_a_series(
    empty: Any, content: list[Dataset]
) -> None:
    """Not the number of its instances, nor one of their UIDs, nor what a header of one says."""
    content[1].Manufacturer = "WS maker"
    fill(empty, content[:2])
    find = empty.archive.query.find
    (series,) = find(
        Level.SERIES,
        Root.STUDY,
        empty.keys(SeriesInstanceUID="", NumberOfSeriesRelatedInstances="", Manufacturer=""),
        relational=True,
        within=reach(Limit(ae_titles=("WS1",))),
    )
    assert (series.NumberOfSeriesRelatedInstances, series.Manufacturer) == (1, "WS maker")
    for level, wanted in (
        (Level.STUDY, {"SOPInstanceUID": "1.2.1.1.1"}),
        (Level.SERIES, {"SOPInstanceUID": "1.2.1.1.1"}),
        (Level.SERIES, {"NumberOfSeriesRelatedInstances": "2"}),
        (Level.STUDY, {"NumberOfStudyRelatedInstances": "2"}),
    ):
        identifier = empty.keys(**{"StudyInstanceUID": "", **wanted})
        options = {"relational": True}
        assert len(list(find(level, Root.STUDY, identifier, **options))) == 1
        options["within"] = reach(Limit(ae_titles=("WS1",)))
        assert list(find(level, Root.STUDY, identifier, **options)) == [], (level, wanted)


def test_a_label_of_a_merged_patient_goes_with_him(empty: Any, content: list[Dataset]) -> None:
    for dataset in content:
        empty.store(dataset)
    label_patient(empty, "P2", "teaching")
    merge(empty, "P2", "P1")
    found = answers(empty, Level.PATIENT, within=reach(Limit(labels=("teaching",))))
    assert [text.count("P1") for text in found] == [1]


def merge(filled: Any, patient: str, into: str) -> None:

    filled.archive.patients.merge(
        PatientKey(patient_id=patient, issuer=""),
        PatientKey(patient_id=into, issuer=""),
        by="test",
        reason="one person",
    )


def test_a_reach_without_a_limit_is_none() -> None:
    for groups in ((), ((),)):
        with pytest.raises(ValueError, match="has a limit in each of its groups"):
            Reach(groups)
