"""What conditions refuse to mean, and what they say then."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_framework.conditions import TEXT, Condition, ConditionError, Fact, Place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'Modalty = "CT"',
            "there is no attribute 'Modalty' in the data dictionary; did you mean 'Modality'?",
        ),
        ('callingaet = "CT"', "did you mean 'CallingAET'?"),
        ('CallingAET.Modality = "CT"', "column 12: 'CallingAET' is text, and has no attributes"),
        ("Modality = CT", "column 12: a value is missing before 'CT': write it as \"CT\""),
        ('Modality = "C*"', "has wildcards, which = and in do not know: write matches or contains"),
        ("Modality = 5", 'column 12: 5: Modality is text, so write it as "5"'),
        ('Rows = "5"', 'column 8: "5": Rows is a number, so write it without quotation marks'),
        ("PixelData exists", "is not in the header of an instance: groups 0008 to 7FDF are"),
        ('MediaStorageSOPClassUID = "1.2"', "is not in the header of an instance"),
        ('Modality < "A"', "which is neither more nor less than another"),
        ('RequestAttributesSequence = "x"', "is a sequence: only exists can be asked of it"),
        ('RedPaletteColorLookupTableData = "x"', "only exists can be asked of it"),
        ("Modality.PatientID exists", "'Modality' is text, and has no attributes in it"),
        ("(1235,5678) exists and (1234,5678) exists", "column 24: the data dictionary has no"),
        ('Modality = "CT" && Rows = 1', "column 17: '&' means nothing here: write and, or, not"),
        ('Modality = "CT" and', "an attribute is missing before the end"),
        ('Modality "CT"', "'CT' is no comparison: write =, !=, <"),
        ('Modality = "CT', 'column 12: the text that begins here has no " at its end'),
        ('Modality = "CT" Rows = 1', "'Rows' does not go on from here: write and, or"),
        ('Modality = "CT" AND Rows = 1', "'AND' does not go on from here: write and, or"),
        ('(Modality = "CT"', "')' is missing before the end"),
        ("not", "an attribute is missing before the end"),
        ("and Rows = 1", "column 1: an attribute is missing before 'and'"),
        ("Modality", "column 9: the end is no comparison: write =, !=, <"),
        ("Modality not = 'CT'", "column 14: '=' is no comparison: write in, between, matches, con"),
        ("Modality in 'CT'", "column 13: '[' is missing before 'CT'"),
        ("Modality in ['CT'", "column 18: ']' is missing before the end"),
        ("", "the condition is empty"),
        ("  \n ", "line 2, column 2: the condition is empty"),
        ('StudyTime = "25:00"', 'is no time of day: write "18:00"'),
        ('StudyDate = "22.11.2026"', 'is no date: write "2026-11-22"'),
        ('StudyDate = "20261340"', "is no date"),
        ('AcquisitionDateTime < "soon"', 'is no date and time: write "2026-11-22 18:00"'),
        ('PatientAge < "old"', 'is no age: write "018Y"'),
        ('PatientName = "^"', 'is no name: write "Doe^John"'),
        ('PatientName matches "^"', 'is no name: write "Doe*"'),
        ('SOPClassUID = "CT"', "is neither a UID nor the keyword of one"),
        ('StudyDate between "20270101" and "20260101"', "nothing lies between them"),
        ('Rows matches "5*"', "matches compares text; Rows is a number"),
        ('Rows contains "5"', "contains compares text; Rows is a number"),
        ("Modality contains 5", 'column 19: 5: contains compares text, so write "5"'),
        ('Modality matches "[CM]T"', "has a bracket: wildcards are * and ? alone"),
        ('Modality = ""', 'column 12: "", for Modality, is empty, which no value is: write exists'),
        ('Modality matches ""', "is empty, which no value is"),
        ('Modality contains ""', "is empty, which no value is"),
        ("Modality in []", "a value is missing before ']'"),
        ("Modality in [\n 'CT',\n]", "line 3, column 1: a value is missing before ']'"),
        ("Modality exists exists", "'exists' does not go on from here"),
        ("__import__('os').system('x')", "column 11: '(' is no comparison"),
        ('Modality = "CT"; Rows = 1', "';' means nothing here"),
        ("Rows = 5x", "means nothing here"),
        ("Rows < " + "9" * 400, "column 8: the number is too large"),
        ("(" * 100 + "Rows = 1" + ")" * 100, "more than 50 brackets or nots deep"),
        ("not " * 2000 + "Rows = 1", "more than 50 brackets or nots deep"),
        ("Rows = 1 and " * 1000 + "Rows = 1", "a condition has 10000 at most"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(text, message, vocabulary) -> None:
    """With line and column, and what to write instead."""
    with pytest.raises(ConditionError, match=r"^line \d+, column \d+: ") as refused:
        Condition(text, vocabulary)
    assert message in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Modality = CT", "    Modality = CT\n               ^"),
        ('Rows = 1\n\tand Modality < "A"', '     and Modality < "A"\n                  ^'),
        ("Rows", "    Rows\n        ^"),
        (
            "Rows = 1 and " * 30 + "Modality = CT" + " and Rows = 1" * 30,
            "    …ws = 1 and Rows = 1 and Rows = 1 and Modality = CT and Rows = 1 and Rows = 1…\n"
            + " " * 53
            + "^",
        ),
    ],
)
def test_a_caret_stands_below_the_place(text: str, shown: str) -> None:
    """Of a long line, what is around it is shown."""
    with pytest.raises(ConditionError) as refused:
        Condition(text)
    assert str(refused.value) == f"{refused.value.message}\n{shown}"
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


@given(st.text(st.sampled_from("ab =!()[],\"'019.Rows Modality andorinot\n\t"), max_size=40))
def test_whatever_is_written_is_a_condition_or_an_error_inside_the_text(text: str) -> None:
    """Nothing else is raised."""
    place = Place(1, 1)
    try:
        Condition(text)
    except ConditionError as error:
        place = error.place
    assert 1 <= place.column <= len(text.split("\n")[place.line - 1]) + 1


@pytest.mark.parametrize("name", ["exists", "in", "", "a b", "a.b", "1a", "größe"])
def test_a_fact_has_a_name_that_can_be_written(name: str) -> None:
    """A mistake of a plugin's author, told when the plugin is loaded."""
    with pytest.raises(ValueError, match="is no name that a condition can have"):
        Fact(name, TEXT)
