"""Hours of sources: nobody is asked out of them, and what waits is begun when they come."""

from __future__ import annotations

import datetime as dt

import pytest
from fetch_peers import OtherPacs, fetching, jobs_of, plan_step, settled, study, until
from pydantic import ValidationError

from pacs_fetch.settings import Source
from pacs_fetch.studies import order_for
from pacs_framework.jobs import JobOrder, JobState
from pacs_framework.moving.old_archive import FoundStudy
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.running import RunningArchive

# The clock looks for patients of yesterday, of which there are none.
CLOCK = {"days": 0, "at": "23:59"}


def hours(begin: int, end: int) -> str:
    """From so many hours from now to so many."""
    here = dt.datetime.now(dt.UTC).astimezone()
    moments = (here + dt.timedelta(hours=each) for each in (begin, end))
    return "-".join(f"{moment:%H:%M}" for moment in moments)


CLOSED, OPEN = hours(6, 12), hours(-6, 6)
TODAY = f"{dt.datetime.now(dt.UTC).astimezone():%Y%m%d}"


def put_off(running: RunningArchive, kind: str) -> str:
    """Why the one job of a kind waits, when it was put off."""
    until(lambda: any(job.error for job in jobs_of(running, kind)), lambda: jobs_of(running, kind))
    (job,) = (each for each in jobs_of(running, kind) if each.error)
    assert (job.state, job.attempts) == (JobState.WAITING, 0)
    return job.error


def test_a_study_waits_for_the_hours_of_its_source(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """With all that is to be fetched from there; commands say until when."""
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other, source={"hours": CLOSED})
    order = order_for("old", FoundStudy(uid="2.25.1", instances=2), why="test", priority=0)
    running.archive.jobs.enqueue([order])
    assert put_off(running, "fetch.study.old") == f"old is asked at {CLOSED}"
    (pause,) = running.archive.jobs.pauses()
    assert (pause.kind, pause.reason) == ("fetch.study.old", f"old is asked at {CLOSED}")
    assert pause.until is not None
    assert f"{pause.until.astimezone():%H:%M}" == CLOSED[:5]
    assert other.asked == other.moved == []


def test_within_its_hours_a_source_is_asked(pacs_archive: Archives, other: OtherPacs) -> None:
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other, source={"hours": [CLOSED, OPEN]})
    order = order_for("old", FoundStudy(uid="2.25.1", instances=2), why="test", priority=0)
    running.archive.jobs.enqueue([order])
    assert [job.state for job in settled(running)] == [JobState.DONE]


def test_a_comparison_waits_as_well(pacs_archive: Archives, other: OtherPacs) -> None:
    """Not the kind: other sources have other hours."""
    running = fetching(pacs_archive, other, source={"hours": CLOSED})
    payload = {"source": "old", "first": "20260301", "last": "20260301"}
    running.archive.jobs.enqueue([JobOrder(kind="fetch.compare", payload=payload)])
    assert put_off(running, "fetch.compare") == f"old is asked at {CLOSED}"
    assert running.archive.jobs.pauses() == []
    assert other.asked == []


def test_an_order_waits_for_the_hours_of_all_sources(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """And so does what the clock looks for."""
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other, source={"hours": CLOSED}, priors=CLOCK)
    plan_step(running, ScheduledProcedureStepStartDate=TODAY)
    for kind in ("fetch.order", "fetch.priors"):
        assert put_off(running, kind) == f"old is asked at {CLOSED}"
    assert other.asked == jobs_of(running) == []


def test_sources_that_are_open_are_asked_before_the_others_are(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """The prior comes from the second one at once; the order waits for what the first one has."""
    other.has = study("2.25.1")
    running = fetching(
        pacs_archive,
        other,
        source={"hours": CLOSED},
        more_sources=[{"name": "again", "peer": "OLD", "retrieve": "get", "hours": OPEN}],
        priors={**CLOCK, "sources": ["old", "again"]},
    )
    plan_step(running, ScheduledProcedureStepStartDate=TODAY)
    until(lambda: len(jobs_of(running, "fetch.study.again")) == 1)
    assert [job.state for job in settled(running, "fetch.study.again")] == [JobState.DONE]
    assert put_off(running, "fetch.order") == f"old is asked at {CLOSED}"
    assert jobs_of(running) == []


@pytest.mark.parametrize("text", ["8 to 9", "20:00-20:00", "25:00-06:00"])
def test_what_are_no_hours_stops_the_start(text: str) -> None:
    """With what to write."""
    with pytest.raises(ValidationError, match=r'write "20:00-06:00"|leave it out'):
        Source(name="old", peer="OLD", hours=(text,))
