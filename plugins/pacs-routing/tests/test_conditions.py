"""Conditions: what they say of instances, and what they refuse to mean."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from pydicom import Dataset
from pydicom.datadict import DicomDictionary, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.stored_header import read_attributes
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.mutations import mutated
from pacs_routing.conditions import Condition, ConditionError, Finding
from pacs_routing.facts import InstanceFacts

SUNDAY_EVENING = dt.datetime(2026, 11, 22, 19, 0, tzinfo=dt.UTC)


def instance() -> Dataset:
    """A CT slice with a bit of everything."""
    request, code = Dataset(), Dataset()
    code.CodeValue = "T-D1100"
    request.ScheduledProcedureStepID = "S1"
    request.RequestedProcedureCodeSequence = [Dataset(), code]
    made = Dataset()
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    made.Modality = "CT"
    made.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    made.StudyDate = "20261122"
    made.StudyTime = "233000.5"
    made.AcquisitionDateTime = "20261122233000"
    made.PatientName = "Doe^John"
    made.PatientID = ""
    made.PatientAge = "017Y"
    made.SliceThickness = "2.50"
    made.Rows = 512
    made.RequestAttributesSequence = [request]
    made.add_new(0x00291010, "UN", b"SPECIAL ")
    return made


def facts(made: Dataset | None = None, at: dt.datetime = SUNDAY_EVENING) -> InstanceFacts:
    """Of such an instance that came from CT1."""
    return InstanceFacts(
        lambda: instance() if made is None else made,
        origin=Origin(door="dimse", calling_aet="CT1", address="10.0.0.7"),
        transfer_syntax_uid="1.2.840.10008.1.2.4.70",
        at=at,
    )


def odd(**values: str) -> Dataset:
    """What a stranger may send: values as they come out of a file, which nobody has checked."""
    raw = Dataset()
    for keyword, value in values.items():
        tag = Tag(keyword)
        raw[tag] = RawDataElement(
            tag, dictionary_VR(tag), len(value), value.encode(), 0, False, True
        )
    return raw


@pytest.mark.parametrize(
    "text",
    [
        'Modality = "CT"',
        'Modality == "CT"',
        "Modality in ['MR', 'CT']",
        'Modality not in ["MR"]',
        'Modality != "MR"',
        '(0008,0060) = "CT"',
        'CallingAET matches "CT?" and Address = "10.0.0.7" and Door = "dimse"',
        'ImageType = "LOCALIZER"',
        'ImageType matches "LOC*"',
        "SliceThickness = 2.5 and SliceThickness <= 2.5 and SliceThickness > 2",
        "Rows between 512 and 1024",
        'StudyDate = "2026-11-22" and StudyDate >= "20261101"',
        'StudyDate between "2026-11-01" and "2026-11-30"',
        'StudyTime between "22:00" and "06:00"',
        'StudyTime > "23:30"',
        'AcquisitionDateTime < "2026-11-23 00:00"',
        'PatientAge < "018Y" and PatientAge > "200M"',
        'PatientName = "doe^john" and PatientName matches "doe*"',
        'SOPClassUID = "CTImageStorage"',
        'TransferSyntaxUID in ["1.2.840.10008.1.2.4.70", "ExplicitVRLittleEndian"]',
        'RequestAttributesSequence.ScheduledProcedureStepID = "S1"',
        'RequestAttributesSequence.RequestedProcedureCodeSequence.CodeValue matches "T-*"',
        "RequestAttributesSequence exists",
        "not PatientID exists and not AccessionNumber exists",
        'AccessionNumber != "1"',
        '(0029,1010) = "SPECIAL"',
        'time between "18:00" and "06:00"',
        'weekday in ["sat", "sun"] and date = "2026-11-22"',
        'Modality = "MR" or Modality = "CT" and Rows = 512',
        'not (Modality = "MR" or Rows < 512)',
        'Modality\n  = "CT"\n  and Rows = 512',
    ],
)
def test_what_is_true(text: str) -> None:
    """And so its negation is not."""
    assert Condition(text).holds(facts())
    assert not Condition(f"not ({text})").holds(facts())


@pytest.mark.parametrize(
    "text",
    [
        'Modality = "ct"',
        'ImageType != "LOCALIZER"',
        'AccessionNumber = "1"',
        "AccessionNumber exists",
        'SeriesDate < "2026-11-22"',
        "SeriesNumber < 5",
        'time between "06:00" and "18:00"',
        '(Modality = "MR" or Modality = "CT") and Rows = 1',
        'RequestAttributesSequence.StudyInstanceUID = "1.2"',
    ],
)
def test_what_is_not_true(text: str) -> None:
    """What is absent is neither equal to anything nor less."""
    assert not Condition(text).holds(facts())


def test_values_that_nobody_can_read_fit_nothing() -> None:
    """A number that is none, a date that is none: no error, and no match."""
    made = odd(StudyDate="yesterday", SliceThickness="thick", PatientAge="old")
    for text in ('StudyDate > "2020-01-01"', "SliceThickness > 1", 'PatientAge < "018Y"'):
        assert not Condition(text).holds(facts(made))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'Modalty = "CT"',
            "column 1: there is no attribute 'Modalty' in the data dictionary; did ",
        ),
        ("Modality = CT", "column 12: a value is missing before 'CT': write it as \"CT\""),
        ('Modality = "C*"', "has wildcards, which = and in do not know: write matches"),
        ("Modality = 5", 'column 12: 5: Modality is text, so write it as "5"'),
        ('Rows = "5"', 'column 8: "5": Rows is a number, so write it without quotation marks'),
        ("PixelData exists", "is not in the header of an instance: groups 0008 to 7FDF are"),
        ('MediaStorageSOPClassUID = "1.2"', "is not in the header of an instance"),
        ('Modality < "A"', "which is neither more nor less than another"),
        ('RequestAttributesSequence = "x"', "is a sequence: only exists can be asked of it"),
        ('RedPaletteColorLookupTableData = "x"', "is bytes: only exists can be asked of it"),
        ("Modality.PatientID exists", "'Modality' is text, and has no attributes in it"),
        ("(1235,5678) exists and (1234,5678) exists", "column 24: the data dictionary has no"),
        ('Modality = "CT" && Rows = 1', "column 17: '&' means nothing here: write and, or, not"),
        ('Modality = "CT" and', "an attribute is missing before the end"),
        ('Modality "CT"', "'CT' is no comparison: write =, !=, <"),
        ('Modality = "CT', 'column 12: the text that begins here has no " at its end'),
        ('Modality = "CT" Rows = 1', "'Rows' does not go on from here: write and, or"),
        ('(Modality = "CT"', "')' is missing before the end"),
        ("not", "an attribute is missing before the end"),
        ("", "the condition is empty"),
        ("  \n ", "line 2, column 2: the condition is empty"),
        ('time = "25:00"', 'is no time of day: write "18:00"'),
        ('StudyDate = "22.11.2026"', 'is no date: write "2026-11-22"'),
        ('StudyDate = "20261340"', "is no date"),
        ('PatientAge < "old"', 'is no age: write "018Y"'),
        ('weekday = "sunday"', "is no day of the week: write one of mon, tue"),
        ('SOPClassUID = "CT"', "is neither a UID nor the keyword of one"),
        ('StudyDate between "20270101" and "20260101"', "nothing lies between them"),
        ('Rows matches "5*"', "matches compares text with wildcards; Rows is a number"),
        ("Modality in []", "a value is missing before ']'"),
        ("Modality in [\n 'CT',\n]", "line 3, column 1: a value is missing before ']'"),
        ("Modality exists exists", "'exists' does not go on from here"),
        ("__import__('os').system('x')", "column 11: '(' is no comparison"),
        ('Modality = "CT"; Rows = 1', "';' means nothing here"),
        ("Rows = 5x", "means nothing here"),
        ("(" * 100 + "Rows = 1" + ")" * 100, "more than 50 brackets or nots deep"),
        ("not " * 2000 + "Rows = 1", "more than 50 brackets or nots deep"),
        ("Rows = 1 and " * 1000 + "Rows = 1", "a condition has 10000 at most"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(text: str, message: str) -> None:
    """With line and column, and what to write instead."""
    with pytest.raises(ConditionError, match=r"^line \d+, column \d+: ") as refused:
        Condition(text)
    assert message in str(refused.value)


def test_wildcards_of_a_rule_take_no_time_over_long_values() -> None:
    """No regular expression is tried again and again: strangers send the values."""
    made = odd(StudyDescription="a" * 60_000)
    assert not Condition('StudyDescription matches "*a*a*a*a*a*a*a*a*b"').holds(facts(made))


def test_the_header_is_read_only_when_it_is_asked_about() -> None:
    """Who sent it is known without."""

    def unread() -> Dataset:
        raise AssertionError("it was read")

    about = InstanceFacts(
        unread,
        origin=Origin(door="dimse", calling_aet="CT1"),
        transfer_syntax_uid="",
        at=SUNDAY_EVENING,
    )
    assert Condition('CallingAET = "CT1" or Modality = "CT"').holds(about)


def test_it_says_what_it_found() -> None:
    """Each comparison with the values, also where the first had decided."""
    found = Condition('Modality = "MR" and not Rows = 512').findings(facts())
    assert found == [
        Finding(text='Modality = "MR"', found=("CT",), holds=False),
        Finding(text="Rows = 512", found=("512",), holds=True),
    ]


def test_every_attribute_of_the_dictionary_can_be_asked_about() -> None:
    """By its tag; those in front of the data set and behind its header are refused."""
    for tag in DicomDictionary:
        text = f"({tag >> 16:04X},{tag & 0xFFFF:04X}) exists"
        if 0x0008 <= tag >> 16 < 0x7FE0:
            assert not Condition(text).holds(facts(Dataset()))
        else:
            with pytest.raises(ConditionError):
                Condition(text)


def test_damaged_headers_stop_no_rule() -> None:
    """Whatever bytes say, a condition is true of them or it is not: nothing else is raised."""
    made = instance()
    made.SOPInstanceUID = "1.2.3"
    subjects = ("Modality", "StudyDate", "PatientName", "SliceThickness", "Rows", "PatientAge")
    condition = Condition(
        " or ".join(f"{each} exists" for each in subjects[1:])
        + ' or Modality = "X" or RequestAttributesSequence.ScheduledProcedureStepID = "X"'
        + ' or (0029,1010) = "X" or SliceThickness > 1 or PatientAge < "001D"'
    )
    tags = {subject.tags[0] for subject in condition.subjects()}
    told = 0
    for data in mutated(encode_identifier(made, str(ExplicitVRLittleEndian)), 600):
        try:
            header = read_attributes(io.BytesIO(data), str(ExplicitVRLittleEndian), tags)
        except UnreadableInstance:
            continue
        condition.findings(facts(header))
        told += 1
    assert told > 60


def test_sequences_of_any_depth_are_looked_into_no_further_than_is_asked() -> None:
    """A stranger's nesting costs nothing."""
    deep = Dataset()
    for _ in range(60):
        above = Dataset()
        above.RequestAttributesSequence = [deep]
        deep = above
    assert Condition("RequestAttributesSequence.RequestAttributesSequence exists").holds(
        facts(deep)
    )
