"""Moments of the day, and the jobs that wait for them."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from pacs_fetch.schedule import Appointment, moments

TIMES = [dt.time(6), dt.time(18)]


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch):
    """The clock on the wall of Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone()


@pytest.mark.parametrize(
    ("now", "last", "upcoming"),
    [
        ("2026-11-22T05:59", "2026-11-21T18:00", "2026-11-22T06:00"),
        ("2026-11-22T06:00", "2026-11-22T06:00", "2026-11-22T18:00"),
        ("2026-11-22T23:59", "2026-11-22T18:00", "2026-11-23T06:00"),
        ("2026-12-31T19:00", "2026-12-31T18:00", "2027-01-01T06:00"),
    ],
)
def test_the_last_moment_and_the_next(berlin: None, now: str, last: str, upcoming: str) -> None:
    assert moments(TIMES, at(now)) == (at(last), at(upcoming))


def test_the_clock_on_the_wall_counts_when_it_is_changed(berlin: None) -> None:
    """From 18:00 in summer to 18:00 in winter there are 25 hours."""
    last, upcoming = moments([dt.time(18)], at("2026-10-24T18:00"))
    assert upcoming - last == dt.timedelta(hours=25)


def test_one_time_of_day_that_is_now_is_the_last_and_comes_again_tomorrow(berlin: None) -> None:
    last, upcoming = moments([dt.time(18)], at("2026-11-22T18:00"))
    assert (last, upcoming) == (at("2026-11-22T18:00"), at("2026-11-23T18:00"))


def test_an_appointment_has_one_job_for_each_moment(berlin: None) -> None:
    """Asked twice, by two nodes or after a restart, it is the same one."""
    made = Appointment(kind="k", times=TIMES, payload=lambda day: {"day": str(day)}, name="old")
    (order,) = made.orders(at("2026-11-22T07:00"))
    assert list(made.orders(at("2026-11-22T08:00"))) == [order]
    assert order.key == "old 2026-11-22T18:00+01:00"
    assert order.payload == {"day": "2026-11-22"}
    assert order.not_before == at("2026-11-22T18:00")


def test_what_was_missed_is_made_up_for_where_that_is_wanted(berlin: None) -> None:
    made = Appointment(kind="k", times=TIMES, payload=lambda day: {}, catches_up=True)
    orders = list(made.orders(at("2026-11-22T07:00")))
    assert [order.not_before for order in orders] == [
        at("2026-11-22T06:00"),
        at("2026-11-22T18:00"),
    ]
