"""Orders that arrive: priors are looked for at once, once for what makes them relevant."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from fetch_peers import (
    OtherPacs,
    config_of,
    fetching,
    jobs_of,
    plan_step,
    settled,
    study,
    until,
)

from pacs_framework.jobs import JobFilter, JobOrder, JobRefused, JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.running import RunningArchive
from pacs_worklist.api import State, Worklist
from pacs_worklist.news import News

ORDER = "fetch.order"
# The clock looks for patients of yesterday, and of today not before the last minute.
CLOCK = {"days": 0, "at": "23:59"}


def day(days: int = 0) -> str:
    """So many days from today, on the clock of this machine."""
    return f"{dt.datetime.now(dt.UTC).astimezone().date() + dt.timedelta(days=days):%Y%m%d}"


def told(running: RunningArchive) -> None:
    """Wait until pacs-fetch has heard of every step."""
    waiting = News(running.archive.tables("worklist"))
    until(lambda: waiting.pause(0) is None)


def worklist_of(running: RunningArchive) -> Worklist:
    return Worklist(running.archive.tables("worklist"))


def test_an_order_for_today_brings_its_priors(pacs_archive: Archives, other: OtherPacs) -> None:
    """At once, and nothing of other patients; whoever sees the jobs sees no patient."""
    other.has = [*study("2.25.1"), *study("2.25.2", PatientID="P2")]
    running = fetching(pacs_archive, other, priors=CLOCK)
    plan_step(running, ScheduledProcedureStepStartDate=day())
    until(lambda: len(jobs_of(running)) == 1, lambda: jobs_of(running, ORDER))
    (job,) = settled(running)
    assert (job.payload["study"], job.state) == ("2.25.1", JobState.DONE)
    (looked,) = settled(running, ORDER)
    assert (looked.result["patients"], looked.result["queued"]) == (1, 1)
    assert running.archive.lookup.count() == 2
    assert "P1" not in str([looked, job])


def test_a_change_that_makes_nothing_else_relevant_asks_nobody_again(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """A later hour, a state, another name of the station; the modality does."""
    running = fetching(pacs_archive, other, priors=CLOCK)
    for changed in (
        {},
        {"ScheduledProcedureStepStartTime": "1100"},
        {"ScheduledStationAETitle": "CT2"},
        {"AccessionNumber": "A1"},
    ):
        plan_step(running, ScheduledProcedureStepStartDate=day(), **changed)
        told(running)
    assert [job.state for job in settled(running, ORDER)] == [JobState.DONE]
    asked = len(other.asked)
    plan_step(running, ScheduledProcedureStepStartDate=day(), Modality="MR")
    until(lambda: len(jobs_of(running, ORDER)) == 2)
    settled(running, ORDER)
    assert len(other.asked) == 2 * asked > 0


def test_orders_for_later_days_are_left_to_the_clock(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """And those that are over; one that comes nearer is looked at then."""
    running = fetching(pacs_archive, other, priors={**CLOCK, "days": 1})
    for number, when in enumerate((-2, 2, 30), 1):
        plan_step(
            running,
            ScheduledProcedureStepStartDate=day(when),
            ScheduledProcedureStepID=f"S{number}",
        )
    worklist_of(running).change_state(1, State.DISCONTINUED)
    told(running)
    assert jobs_of(running, ORDER) == []
    for number, when in enumerate((-1, 1), 2):
        plan_step(
            running,
            ScheduledProcedureStepStartDate=day(when),
            ScheduledProcedureStepID=f"S{number}",
        )
    told(running)
    assert {job.payload["step"] for job in settled(running, ORDER)} == {2, 3}


def test_an_order_that_is_called_off_before_its_turn_fetches_nothing(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other, priors=CLOCK)
    queue = running.archive.jobs
    queue.pause(ORDER)
    plan_step(running, ScheduledProcedureStepStartDate=day())
    until(lambda: len(jobs_of(running, ORDER)) == 1)
    worklist_of(running).cancel_order("")
    worklist_of(running).change_state(1, State.DISCONTINUED)
    queue.resume(ORDER)
    (job,) = settled(running, ORDER)
    assert (job.state, other.asked, jobs_of(running)) == (JobState.DONE, [], [])
    assert "discontinued" in queue.log_lines(job.id)[0].text


@pytest.mark.parametrize(
    "priors", [{"on_order": False}, {"own_worklist": False, "worklist_peers": "OLD"}]
)
def test_it_can_be_left_to_the_clock(
    pacs_archive: Archives, other: OtherPacs, priors: dict[str, object]
) -> None:
    """Then nobody listens, and nothing is kept for it."""
    running = fetching(pacs_archive, other, priors={**CLOCK, **priors})
    assert running.archive.hooks.implementers("on_scheduled_step") == ()
    plan_step(running, ScheduledProcedureStepStartDate=day())
    told(running)
    assert jobs_of(running, ORDER) == []


def test_a_source_that_is_away_is_asked_again(pacs_archive: Archives, other: OtherPacs) -> None:
    """The order waits for it."""
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other, priors=CLOCK)
    other.go()
    plan_step(running, ScheduledProcedureStepStartDate=day())
    until(lambda: any(job.attempts for job in jobs_of(running, ORDER)))
    (job,) = jobs_of(running, ORDER)
    assert job.state is JobState.WAITING
    assert "not all sources answered" in job.error
    other.come()
    running.archive.jobs.retry(JobFilter(ids=[job.id]))
    until(lambda: len(jobs_of(running)) == 1)
    assert [each.state for each in settled(running)] == [JobState.DONE]


@pytest.mark.parametrize("payload", [{}, {"step": "1"}, {"step": True}])
def test_what_names_no_step_is_refused(
    pacs_archive: Archives, other: OtherPacs, payload: dict[str, object]
) -> None:
    running = fetching(pacs_archive, other, priors=CLOCK)
    with pytest.raises(JobRefused, match="payload"):
        running.archive.jobs.enqueue([JobOrder(kind=ORDER, payload=payload)])


def planned(archive: ServedArchive) -> None:
    """An order for today, by a command."""
    patient = ("--patient-id", "P1", "--patient-name", "Doe^Jane", "--description", "CT Thorax")
    place = ("--modality", "CT", "--station", "CT1", "--start", f"{day()}T0900")
    done = archive.run("worklist", "add", "--config", archive.config, *patient, *place)
    assert done.returncode == 0, done.stderr


@pytest.mark.crash
@pytest.mark.timeout(360)
def test_an_order_that_came_while_the_archive_was_dead_is_not_lost(
    tmp_path: Path, other: OtherPacs
) -> None:
    """It was killed; a command plans a step without it; the next start fetches its priors, where
    workers and what tells of steps are processes of their own.
    """
    other.has = study("2.25.1")
    config = config_of(other.port, workers=2, more='days = 0\nat = "23:59"\n')
    with served(tmp_path / "archive", config=config) as archive:
        archive.cut_power()
    planned(archive)
    with served(tmp_path / "archive", config=config):
        until(lambda: other.moved == ["2.25.1"])
