"""Conditions of profiles and pixel rules; the language has tests of its own in the kernel."""

from __future__ import annotations

import pickle

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from pacs_anonymize.conditions import InstanceCondition
from pacs_anonymize.profiles.problems import UnreadableProfile
from pacs_anonymize.profiles.reading import load_profile
from pacs_framework.conditions import ConditionError
from pacs_framework.errors import NotAnonymized


def instance() -> Dataset:
    ds = Dataset()
    ds.Modality, ds.Rows = "CT", 512
    return ds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('Modality = "CT" and Rows exists', True),
        ('Modality == "CT" and exists Rows', True),
        ('Modality not contains "ct" or exists StationName', False),
    ],
)
def test_a_condition_is_asked_of_data_sets(text: str, holds: bool) -> None:
    condition = InstanceCondition.read(text)
    assert condition(instance()) is holds
    assert str(condition) == text


def test_a_condition_goes_to_other_processes() -> None:
    condition = InstanceCondition.read('Modality = "CT" and not Rows in [1, 2]')
    there = pickle.loads(pickle.dumps(condition))
    assert there == condition
    assert there(instance())


def test_who_sent_an_instance_cannot_be_asked() -> None:
    """De-identification is of an instance, wherever it came from."""
    with pytest.raises(ConditionError, match="there is no attribute 'CallingAET'"):
        InstanceCondition.read('CallingAET = "CT1"')


def test_a_profile_shows_where_its_mistakes_are() -> None:
    text = "[[rule]]\nkeyword = 'StudyID'\naction = 'X'\nwhen = 'Rows = many'\n"
    with pytest.raises(UnreadableProfile) as caught:
        load_profile(text + text, "site", "site.toml")
    place = "line 1, column 8: a value is missing before 'many': write it as \"many\""
    shown = "    Rows = many\n           ^"
    assert str(caught.value) == (
        "the profile 'site.toml' cannot be used:\n"
        f"rule 1, when: {place}\n{shown}\nrule 2, when: {place}\n{shown}"
    )


def test_a_value_that_cannot_be_read_is_neither_yes_nor_no() -> None:
    """And its text is not told."""
    ds = instance()
    tag = Tag("SliceThickness")
    ds[tag] = RawDataElement(tag, "DS", 4, b"Jane", 0, False, True)
    for text in ("SliceThickness = 1.5", "SliceThickness != 1.5"):
        with pytest.raises(NotAnonymized) as caught:
            InstanceCondition.read(text)(ds)
        assert str(caught.value) == "a condition asks for SliceThickness, which cannot be read"
    assert InstanceCondition.read('Modality = "CT" or SliceThickness = 1.5')(ds)
