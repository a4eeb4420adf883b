"""Conditions say what they say, and what they cannot mean is told with its column."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from pacs_anonymize.conditions.parser import parse_condition
from pacs_anonymize.conditions.tokens import ConditionError
from pacs_framework.errors import NotAnonymized

CT = "1.2.840.10008.5.1.4.1.1.2"


def instance(**attributes: object) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.Modality, ds.Rows = CT, "CT", 512
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SliceThickness = "1.50"
    ds.InstanceNumber = 0
    ds.StationName = ""
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('Modality == "CT"', True),
        ("Modality == 'CT'", True),
        ('Modality != "CT"', False),
        ('Modality in ["MR", "CT"]', True),
        ('Modality not in ["MR", "CT"]', False),
        ('Modality matches "C*"', True),
        ('Modality matches "c*"', False),
        ('Modality not matches "C?"', False),
        ("Rows == 512", True),
        ("SliceThickness == 1.5", True),
        ("SliceThickness == -1.5", False),
        ("InstanceNumber == 0", True),
        ("exists InstanceNumber", True),
        ("exists StationName", False),
        ("exists Columns", False),
        # Of several values one is enough; where there is none, nothing is equal.
        ('ImageType == "PRIMARY"', True),
        ('ImageType != "PRIMARY"', False),
        ('StationName == ""', False),
        ('StationName != "CT1"', True),
        ('Manufacturer == "ACME"', False),
        # UIDs by number or by keyword
        (f'SOPClassUID == "{CT}"', True),
        ('SOPClassUID in ["MRImageStorage", "CTImageStorage"]', True),
        ('SOPClassUID matches "1.2.840.10008.*"', True),
        # "and" binds closer than "or", "not" closer than both
        ('Modality == "CT" or Modality == "MR" and Rows == 1', True),
        ('(Modality == "CT" or Modality == "MR") and Rows == 1', False),
        ('not Modality == "MR" and Rows == 512', True),
        ('not (Modality == "MR" or Rows == 512)', False),
        ("not not exists Rows", True),
        ('Modality contains "t"', True),
        ('not Modality contains "MR"', True),
        ('Modality contains "C*"', False),
    ],
)
def test_a_condition_says_what_it_says(text: str, holds: bool) -> None:
    condition = parse_condition(text)
    assert condition(instance()) is holds
    assert str(condition) == text


def test_a_condition_goes_to_other_processes() -> None:
    condition = parse_condition('Modality == "CT" and not Rows in [1, 2] or exists StationName')
    assert pickle.loads(pickle.dumps(condition)) == condition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column 1: the condition is empty"),
        ('Modalty == "CT"', "column 1: 'Modalty' is no keyword of PS3.6; did you mean Modality?"),
        ("Modality == 5", "column 13: Modality (CS) is text, and '5' is a number"),
        ('Rows == "512"', 'column 9: Rows (US) is a number, and "512" is text'),
        ('Rows matches "5*"', "column 14: Rows (US) is a number; 'matches' compares text"),
        ('Rows contains "5"', "column 15: Rows (US) is a number; 'contains' compares text"),
        ("Modality = 'CT'", "column 10: write '==' to compare"),
        ('Modality == "CT', 'column 13: the text that begins here has no closing "'),
        (
            "Modality == CT",
            "column 13: a text in quotation marks or a number is expected, not 'CT'",
        ),
        (
            "Modality",
            "column 9: '==', '!=', 'in', 'matches' or 'contains' is expected, not the end",
        ),
        ("Modality not == 'CT'", "column 14: 'in', 'matches' or 'contains' is expected, not '=='"),
        ("Modality in 'CT'", "column 13: '[' is expected, not \"CT\""),
        ("Modality in ['CT'", "column 18: ']' is expected, not the end"),
        ("(Modality == 'CT'", "column 18: ')' is expected, not the end"),
        ("Rows == 1 Columns == 1", "column 11: 'and', 'or' or the end is expected, not 'Columns'"),
        ("not", "column 4: the keyword of an attribute is expected, not the end"),
        ("and Rows == 1", "column 1: the keyword of an attribute is expected, not 'and'"),
        ("Rows == 1; Rows", "column 10: ';' has no meaning here"),
        ("SOPClassUID == 'CTImage'", 'column 16: "CTImage" is no UID and no keyword of one'),
        (
            "PixelData == 'x'",
            "column 14: PixelData (OB or OW) is neither text nor a number; ask whether it exists",
        ),
        ("(" * 60 + "Rows == 1" + ")" * 60, "column 51: more than 50 levels deep"),
    ],
)
def test_what_it_cannot_mean_is_told_with_its_column(text: str, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    assert str(caught.value) == message


@given(st.text(st.sampled_from("ab =!()[],\"'019.Rows Modality andorinot"), max_size=40))
def test_whatever_is_written_is_a_condition_or_an_error_inside_the_text(text: str) -> None:
    column = 1
    try:
        parse_condition(text)
    except ConditionError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


def test_a_value_that_cannot_be_read_is_neither_yes_nor_no() -> None:
    """And its text is not told."""
    ds = instance()
    tag = Tag("SliceThickness")
    ds[tag] = RawDataElement(tag, "DS", 4, b"Jane", 0, False, True)
    with pytest.raises(NotAnonymized) as caught:
        parse_condition("SliceThickness == 1.5")(ds)
    assert "SliceThickness, which cannot be read" in str(caught.value)
    assert "Jane" not in str(caught.value)
