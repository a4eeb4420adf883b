"""Answers to queries, as text and as data sets; the plan of their keys."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.key_plan import plan_keys
from pacs_framework.archive.narrowing import decided
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send

_PATIENT_NAME, _STUDY, _SERIES_COUNT = 0x00100010, 0x0020000D, 0x00201206
_MODALITIES, _AVAILABILITY, _AGE = 0x00080061, 0x00080056, 0x00101010


def keys(**attributes: Any) -> Dataset:
    found = Dataset()
    for keyword, value in attributes.items():
        setattr(found, keyword, value)
    return found


def everything_asked() -> Dataset:
    """One key of each source, and one that nobody answers."""
    asked = keys(
        SpecificCharacterSet="ISO_IR 192",
        PatientName="",
        PatientAge="",
        StudyInstanceUID="",
        ModalitiesInStudy="",
        NumberOfStudyRelatedSeries=None,
        InstanceAvailability="",
        SOPInstanceUID="",
    )
    asked.ProcedureCodeSequence = Items([])
    return asked


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """Two studies, of the second two series."""
    for number, study in enumerate((1, 2, 2), 1):
        uids = {"StudyInstanceUID": f"1.3.{study}", "SeriesInstanceUID": f"1.4.{number}"}
        more = {"PatientID": f"P{study}", "PatientName": "Ärztin^Anna", "PatientAge": "042Y"}
        image = mr_image(number, SpecificCharacterSet="ISO_IR 192", **uids, **more)
        send(archive, encoded(image), announced(number))
    return archive


def test_answers_and_data_sets_say_the_same(filled: Archive) -> None:
    asked = everything_asked()
    found = list(filled.query.answers(Level.STUDY, Root.STUDY, asked))
    datasets = list(filled.query.find(Level.STUDY, Root.STUDY, asked))
    assert len(datasets) == 2
    for answer, dataset in zip(found, datasets, strict=True):
        del dataset.SpecificCharacterSet  # only what is encoded needs one
        assert answer.dataset() == dataset
        for element in dataset:
            assert answer.get(int(element.tag)) == element
        assert answer.get(0x00104000) is None


def test_text_is_text_and_the_rest_is_elements(filled: Archive) -> None:
    *_, second = filled.query.answers(Level.STUDY, Root.STUDY, everything_asked())
    assert second.texts[_PATIENT_NAME] == "Ärztin^Anna"
    assert (second.texts[_SERIES_COUNT], second.vrs[_SERIES_COUNT]) == ("2", "IS")
    assert second.elements[_MODALITIES].value == "MR"
    assert second.elements[_AGE].value == "042Y"
    assert second.common[_AVAILABILITY].value == "ONLINE"


def test_a_data_set_that_is_changed_changes_no_other(filled: Archive) -> None:
    first, second = filled.query.find(Level.STUDY, Root.STUDY, everything_asked())
    first.InstanceAvailability = "OFFLINE"
    assert second.InstanceAvailability == "ONLINE"


def test_a_limit_and_a_cancel_end_the_data_sets(filled: Archive) -> None:
    asked = everything_asked()
    assert len(list(filled.query.find(Level.STUDY, Root.STUDY, asked, limit=1))) == 1
    cancelled = filled.query.find(Level.STUDY, Root.STUDY, asked, cancelled=lambda: True)
    assert list(cancelled) == []


def test_what_one_query_adds_to_a_plan_is_not_in_the_next() -> None:
    """Plans of keys without values are remembered."""
    empty = keys(StudyInstanceUID="", PatientName="", SeriesInstanceUID="")
    before = plan_keys(empty, Level.STUDY)
    valued = keys(StudyInstanceUID="1.2", PatientName="A*", SeriesInstanceUID="1.3")
    plan = plan_keys(valued, Level.STUDY)
    plan.own.clear()
    again = plan_keys(empty, Level.STUDY)
    assert plan.matched == {_STUDY, _PATIENT_NAME, 0x0020000E}
    assert (again.matched, again.own, again.unsupported) == (set(), before.own, before.unsupported)
    assert again.identifier is empty


def test_a_key_is_answered_from_the_same_place_with_and_without_a_value() -> None:
    one = plan_keys(keys(StudyDate="", PatientAge="", ModalitiesInStudy=""), Level.STUDY)
    two = plan_keys(keys(StudyDate="2026", PatientAge="1Y", ModalitiesInStudy="CT"), Level.STUDY)
    assert (one.own, one.header, one.lists) == (two.own, two.header, two.lists)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(
    ("asked", "is_decided"),
    [("1.2.3", True), (["1.2.3", "1.2.4"], True), ("1.2*", False), ("1.2\ufffd", False)],
)
def test_uids_alone_are_left_to_the_index(asked: object, *, is_decided: bool) -> None:
    plan = plan_keys(keys(StudyInstanceUID=asked, PatientID="P1"), Level.STUDY)
    assert decided(plan) == ({_STUDY} if is_decided else set())
