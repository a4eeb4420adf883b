"""What conditions say of instances."""

from __future__ import annotations

import pickle

import pytest
from pydicom import Dataset
from pydicom.datadict import DicomDictionary

from pacs_framework.conditions import Condition, ConditionError, DataSetFacts, Finding


@pytest.mark.parametrize(
    "text",
    [
        'Modality = "CT"',
        'Modality == "CT"',
        "Modality = 'CT'",
        "Modality in ['MR', 'CT']",
        'Modality not in ["MR"]',
        'Modality != "MR"',
        '(0008,0060) = "CT"',
        'CallingAET matches "CT?" and CallingAET not matches "ct?"',
        'Label = "urgent" and Label != "research"',
        'ImageType = "LOCALIZER"',
        'ImageType matches "LOC*"',
        'ImageType contains "local" and ImageType not contains "LOC*"',
        "SliceThickness = 2.5 and SliceThickness <= 2.5 and SliceThickness > 2",
        "SliceThickness != -2.5 and InstanceNumber = 0 and InstanceNumber exists",
        "Rows between 512 and 1024 and Rows not between 1 and 511",
        'StudyDate = "2026-11-22" and StudyDate >= "20261101"',
        'StudyDate between "2026-11-01" and "2026-11-30"',
        'StudyDate matches "2026*" and StudyDate contains "1122"',
        'StudyTime between "22:00" and "06:00"',
        'StudyTime > "23:30"',
        'AcquisitionDateTime < "2026-11-23 00:00"',
        'PatientAge < "018Y" and PatientAge > "200M" and PatientAge matches "01?Y"',
        'PatientName = "doe^john" and PatientName matches "doe*" and PatientName contains "JOHN"',
        'SOPClassUID = "CTImageStorage" and SOPClassUID matches "1.2.840.10008.*"',
        'SOPClassUID in ["MRImageStorage", "1.2.840.10008.5.1.4.1.1.2"]',
        'RequestAttributesSequence.ScheduledProcedureStepID = "S1"',
        'RequestAttributesSequence.RequestedProcedureCodeSequence.CodeValue matches "T-*"',
        "RequestAttributesSequence exists and exists (0040,0275).(0040,0009)",
        "RedPaletteColorLookupTableData exists and exists Modality",
        "not PatientID exists and AccessionNumber not exists and not exists StationName",
        'AccessionNumber != "1" and StationName != "CT1"',
        '(0029,1010) = "SPECIAL"',
        'Modality = "MR" or Modality = "CT" and Rows = 512',
        'not (Modality = "MR" or Rows < 512)',
        'not Modality = "MR" and Rows = 512',
        "not not Rows exists",
        'Modality\n  = "CT"\n  and Rows = 512',
    ],
)
def test_what_is_true(text, instance, facts, vocabulary) -> None:
    """And so its negation is not."""
    assert Condition(text, vocabulary).verdict(facts(instance)) is True
    assert Condition(f"not ({text})", vocabulary).verdict(facts(instance)) is False


@pytest.mark.parametrize(
    "text",
    [
        'Modality = "ct"',
        'Modality matches "c*"',
        'Modality contains "C*"',
        'ImageType != "LOCALIZER"',
        'AccessionNumber = "1"',
        "AccessionNumber exists",
        "exists Columns",
        'SeriesDate < "2026-11-22"',
        "SeriesNumber < 5",
        'StudyTime between "06:00" and "18:00"',
        '(Modality = "MR" or Modality = "CT") and Rows = 1',
        'RequestAttributesSequence.StudyInstanceUID = "1.2"',
        "GreenPaletteColorLookupTableData exists",
    ],
)
def test_what_is_not_true(text, instance, facts, vocabulary) -> None:
    """What is absent is neither equal to anything nor less."""
    assert Condition(text, vocabulary).verdict(facts(instance)) is False


def test_wildcards_of_a_rule_take_no_time_over_long_values(odd) -> None:
    """No regular expression is tried again and again: strangers send the values."""
    made = odd(StudyDescription="a" * 60_000)
    condition = Condition('StudyDescription matches "*a*a*a*a*a*a*a*a*b"')
    assert not condition.holds(DataSetFacts(made))


def test_it_says_what_it_found(instance) -> None:
    """Each comparison with the values, in its usual spelling, also where the first had decided."""
    condition = Condition('Modality == "MR" and not Rows = 512')
    modality, rows = condition.subjects()
    assert condition.findings(DataSetFacts(instance)) == [
        Finding(subject=modality, text='Modality = "MR"', found=("CT",), holds=False),
        Finding(subject=rows, text="Rows = 512", found=("512",), holds=True),
    ]


def test_no_more_is_asked_than_it_takes_to_know(facts, instance, vocabulary) -> None:
    """Who sent it is known without the data set."""

    class Once:
        def values(self, subject):
            assert subject.fact == "CallingAET"
            return ["CT1"]

    condition = Condition('CallingAET = "CT1" or Modality = "CT"', vocabulary)
    assert condition.holds(Once())


def test_a_condition_goes_to_other_processes(instance, vocabulary, facts) -> None:
    """And is the same one there."""
    text = 'PatientAge > "001Y" and CallingAET = "CT1" and not Rows in [1, 2]'
    condition = Condition(text, vocabulary)
    there = pickle.loads(pickle.dumps(condition))
    assert there == condition
    assert hash(there) == hash(condition)
    assert there.holds(facts(instance))
    assert str(there) == text


def test_what_was_read_is_remembered(vocabulary) -> None:
    """Per vocabulary: the same text may mean something else to another plugin."""
    text = 'Modality = "CT"'
    assert Condition.read(text, vocabulary) is Condition.read(text, vocabulary)
    assert Condition.read(text) is not Condition.read(text, vocabulary)


def test_every_attribute_of_the_dictionary_can_be_asked_about() -> None:
    """By its tag; those in front of the data set and behind its header are refused."""
    empty = DataSetFacts(Dataset())
    for tag in DicomDictionary:
        text = f"({tag >> 16:04X},{tag & 0xFFFF:04X}) exists"
        if 0x0008 <= tag >> 16 < 0x7FE0:
            assert Condition(text).verdict(empty) is False
        else:
            with pytest.raises(ConditionError, match="is not in the header"):
                Condition(text)


def test_repeating_groups_can_be_asked_about() -> None:
    """Overlays are (60xx,eeee) in the dictionary."""
    made = Dataset()
    made.add_new(0x60020010, "US", 64)
    assert Condition("(6002,0010) = 64").holds(DataSetFacts(made))
