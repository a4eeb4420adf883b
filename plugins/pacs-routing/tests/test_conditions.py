"""What rules may ask about besides attributes: who sent it, and when it came."""

from __future__ import annotations

import datetime as dt

import pytest
from pydicom import Dataset

from pacs_framework.archive.incoming import Origin
from pacs_framework.conditions import Condition, ConditionError
from pacs_routing.facts import InstanceFacts
from pacs_routing.vocabulary import VOCABULARY

SUNDAY_EVENING = dt.datetime(2026, 11, 22, 19, 0, tzinfo=dt.UTC)


def facts(dataset: Dataset | None) -> InstanceFacts:
    """Of an instance that came from CT1."""
    return InstanceFacts(
        lambda: dataset,
        origin=Origin(door="dimse", calling_aet="CT1", address="10.0.0.7"),
        transfer_syntax_uid="1.2.840.10008.1.2.4.70",
        at=SUNDAY_EVENING,
    )


@pytest.mark.parametrize(
    "text",
    [
        'CallingAET matches "CT?" and Address = "10.0.0.7" and Door = "dimse"',
        'TransferSyntaxUID in ["1.2.840.10008.1.2.4.70", "ExplicitVRLittleEndian"]',
        'time between "18:00" and "06:00"',
        'weekday in ["sat", "sun"] and date = "2026-11-22"',
        "TLSSubject not exists and CalledAET not exists",
        'Modality = "CT"',
    ],
)
def test_what_is_true(text: str) -> None:
    """And so its negation is not."""
    dataset = Dataset()
    dataset.Modality = "CT"
    assert Condition(text, VOCABULARY).verdict(facts(dataset)) is True
    assert Condition(f"not ({text})", VOCABULARY).verdict(facts(dataset)) is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('weekday = "sunday"', "is no day of the week: write one of mon, tue"),
        ('time = "25:00"', 'is no time of day: write "18:00"'),
        ('CalingAET = "CT1"', "did you mean 'CallingAET'?"),
        ("(0002,0010) exists", "is not in the header of an instance"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, message: str) -> None:
    """As with attributes."""
    with pytest.raises(ConditionError, match=message.replace("?", r"\?")):
        Condition(text, VOCABULARY)


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
    assert Condition('CallingAET = "CT1" or Modality = "CT"', VOCABULARY).holds(about)


@pytest.mark.parametrize("text", ['Modality = "CT"', 'Modality != "CT"', "Modality not exists"])
def test_of_a_header_that_nobody_can_read_nothing_is_known(text: str) -> None:
    """So no rule that asks about attributes fires."""
    assert Condition(text, VOCABULARY).verdict(facts(None)) is None
