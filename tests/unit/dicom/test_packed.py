"""Data sets as tables keep them: one form, whatever character set they came in."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.packed import deep_copy, pack, unpack

EXPLICIT = "1.2.840.10008.1.2.1"


def order(character_set: str, name: str) -> Dataset:
    """As a peer sends it: the character set is named at the top, and again in the item."""
    item = Dataset()
    item.SpecificCharacterSet = character_set
    item.ScheduledPerformingPhysicianName = name
    dataset = Dataset()
    dataset.SpecificCharacterSet = character_set
    dataset.PatientName = name
    dataset.ScheduledProcedureStepSequence = [item]
    return decode_identifier(encode_identifier(dataset, EXPLICIT), EXPLICIT)


@pytest.mark.parametrize(
    ("character_set", "name"),
    [("ISO_IR 100", "Größe^Jörg"), ("ISO_IR 144", "Иванова^Анна"), ("ISO_IR 192", "山田^太郎")],
)
def test_text_comes_back_whatever_character_set_it_had(character_set: str, name: str) -> None:
    """In items, too; what is kept names one character set, once."""
    kept = pack(order(character_set, name))
    found = unpack(kept)
    [step] = found.ScheduledProcedureStepSequence
    assert str(found.PatientName) == str(step.ScheduledPerformingPhysicianName) == name
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert "SpecificCharacterSet" not in step
    assert name.encode() in kept


def test_what_is_packed_stays_as_it_is() -> None:
    given = order("ISO_IR 100", "Größe^Jörg")
    pack(given)
    assert given == order("ISO_IR 100", "Größe^Jörg")


def test_a_deep_copy_shares_nothing() -> None:
    given = order("ISO_IR 100", "Größe^Jörg")
    copy = deep_copy(given)
    copy.PatientName = "Other"
    copy.ScheduledProcedureStepSequence[0].ScheduledPerformingPhysicianName = "Other"
    assert given == order("ISO_IR 100", "Größe^Jörg")
