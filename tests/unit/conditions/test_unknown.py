"""Values that nobody can read: neither a comparison nor its negation is true of them."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_framework.conditions import Condition, DataSetFacts

UNKNOWN = "SliceThickness > 1"


@pytest.fixture
def broken(odd) -> DataSetFacts:
    """A number that is none, a date that is none, and a modality."""
    return DataSetFacts(
        odd(SliceThickness="thick", StudyDate="yesterday", PatientAge="old", Modality="CT")
    )


@pytest.mark.parametrize(
    "text",
    [
        UNKNOWN,
        f"not {UNKNOWN}",
        "SliceThickness != 1 and Modality exists",
        "SliceThickness not between 1 and 2",
        'StudyDate > "2020-01-01"',
        'StudyDate not in ["2020-01-01"]',
        'PatientAge < "018Y"',
        f'{UNKNOWN} or Modality = "MR"',
        f'Modality = "MR" or {UNKNOWN}',
    ],
)
def test_what_depends_on_them_is_not_known(text: str, broken: DataSetFacts) -> None:
    """And so it does not hold."""
    condition = Condition(text)
    assert condition.verdict(broken) is None
    assert not condition.holds(broken)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (f'Modality = "CT" or {UNKNOWN}', True),
        (f'{UNKNOWN} or Modality = "CT"', True),
        (f'{UNKNOWN} and Modality = "MR"', False),
        (f'not ({UNKNOWN} and Modality = "MR")', True),
        ("SliceThickness exists", True),
        ("SliceThickness not exists", False),
        ('StudyDate contains "day"', True),
    ],
)
def test_what_does_not_is_known(text: str, verdict: bool, broken: DataSetFacts) -> None:
    """Whatever they are, and that they are there."""
    assert Condition(text).verdict(broken) is verdict


def test_one_value_that_fits_is_enough(odd) -> None:
    """Whatever the others are."""
    made = DataSetFacts(odd(SeriesDate="yesterday\\20261122"))
    assert Condition('SeriesDate = "2026-11-22"').verdict(made) is True
    assert Condition('SeriesDate = "2026-11-23"').verdict(made) is None


def test_a_finding_tells_it(broken: DataSetFacts) -> None:
    """What could not be decoded at all has none."""
    (found,) = Condition(UNKNOWN).findings(broken)
    assert (found.found, found.holds) == (("thick",), None)
    made = Dataset()
    made.add_new(0x00080060, "SQ", [Dataset()])
    (found,) = Condition('Modality = "CT"').findings(DataSetFacts(made))
    assert (found.found, found.holds) == (("(unreadable)",), None)


def test_a_sequence_that_is_none_is_not_known() -> None:
    """Where a sender wrote text; and the other way round."""
    made = Dataset()
    made.add_new(0x00400275, "LO", "text")
    made.add_new(0x00080060, "SQ", [Dataset()])
    for text in (
        "RequestAttributesSequence not exists",
        'RequestAttributesSequence.ScheduledProcedureStepID = "1"',
        'Modality = "CT"',
    ):
        assert Condition(text).verdict(DataSetFacts(made)) is None
