"""Hours of the day, as settings have them."""

from __future__ import annotations

import datetime as dt

import pytest

from pacs_framework.config.hours import Hours, checked_hours, hours_of, next_opening

BERLIN = dt.timezone(dt.timedelta(hours=1))


def at(hour: int, minute: int = 0) -> dt.datetime:
    """A moment of a Sunday."""
    return dt.datetime(2026, 11, 22, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        (at(20), None),
        (at(23, 59), None),
        (at(5, 59), None),
        (at(6), at(12)),
        (at(12, 30), None),
        (at(13), at(20)),
        (at(19, 59), at(20)),
    ],
)
def test_hours_open_and_close(moment: dt.datetime, opening: dt.datetime | None) -> None:
    """Over midnight, and at noon; the minute of the end is closed."""
    hours = [Hours.parse("20:00-06:00"), Hours.parse("12:00-13:00")]
    assert next_opening(hours, moment) == opening


def test_the_next_opening_may_be_tomorrow() -> None:
    """After the only one of today."""
    assert next_opening([Hours.parse("08:00-09:00")], at(9)) == at(8) + dt.timedelta(days=1)
    assert next_opening([], at(9)) is None


@pytest.mark.parametrize("text", ["20-06", "24:00-06:00", "20:00-20:00", "20:60-21:00", "", "x"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    """With an example, or a remedy."""
    with pytest.raises(ValueError, match=r"write \"20:00-06:00\"|leave it out"):
        Hours.parse(text)


def test_a_setting_is_checked_as_a_whole() -> None:
    """One text that is none spoils all."""
    texts = ("20:00-06:00", "12:00-13:00")
    assert checked_hours(texts) == texts
    assert hours_of(texts) == (Hours.parse(texts[0]), Hours.parse(texts[1]))
    with pytest.raises(ValueError, match="are no hours"):
        checked_hours(("20:00-06:00", "noon"))
