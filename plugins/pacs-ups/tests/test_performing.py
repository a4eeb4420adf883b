"""Steps that plugins perform: ordered, claimed, and ended as the standard has it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from ups_peers import PUSH, Listener, Worker, code

import pacs_jobs.plugin
from pacs_framework import hookimpl
from pacs_framework.errors import ConfigurationError, PluginError
from pacs_framework.jobs import (
    Job,
    JobCanceled,
    JobContext,
    JobFailed,
    JobFilter,
    JobPutOff,
    JobState,
)
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.jobs import RecordedContext, wait_for
from pacs_framework.testing.running import RunningArchive
from pacs_jobs.settings import KindLimits
from pacs_jobs.worker import limited
from pacs_ups import plugin
from pacs_ups.performing.doing import Performing
from pacs_ups.performing.performers import performers_of, wanted_by
from pacs_ups.performing.watching import KIND, StepWatch
from pacs_ups.settings import UpsSettings
from pacs_ups.state.assigning import Assignments
from pacs_ups.state.datasets import moment_of
from pacs_ups.state.making import new_step
from pacs_ups.state.model import GLOBAL, Step, StepError
from pacs_ups.state.steps import Steps
from pacs_ups.tables import NAME

LONG_AGO, FAR_AHEAD = "20200101", "29990101"


@dataclass
class Robot:
    """Performs what is labelled AI, by whatever ``does`` is."""

    name: str = "robot"
    does: Callable[[str, Dataset, JobContext], object] = lambda *_: performed()
    seen: list[str] = field(default_factory=list)

    def wants(self, step: Dataset) -> bool:
        return bool(step.WorklistLabel == "AI")

    def perform(self, uid: str, step: Dataset, context: JobContext) -> object:
        self.seen.append(uid)
        return self.does(uid, step, context)


class Robots:
    """A plugin that brings performers."""

    def __init__(self, *robots: Any) -> None:
        self._robots = robots

    @hookimpl
    def step_performers(self) -> list[Any]:
        return list(self._robots)


def performed(*outputs: Any, refusal: str = "", reason_code: str = "") -> object:
    return SimpleNamespace(outputs=outputs, refusal=refusal, reason_code=reason_code)


def output(series: str, instance: str) -> object:
    return SimpleNamespace(
        study_instance_uid="1.2",
        series_instance_uid=series,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.66.4",
        sop_instance_uid=instance,
    )


@dataclass
class Hall:
    """An archive in which a robot works."""

    running: RunningArchive
    robot: Robot

    def __post_init__(self) -> None:
        self.archive = self.running.archive
        self.steps = Steps(self.archive.tables(NAME))

    def peer(self) -> Worker:
        return Worker(self.running)

    def jobs(self, uid: str) -> list[Job]:
        return list(self.archive.jobs.find(JobFilter(kinds=(KIND,), lane=uid)))

    def job(self, uid: str, *states: JobState) -> Job:
        """The newest for a step, when it is in one of ``states``, or over."""
        with self.archive.jobs.news() as news:
            while not (found := self.jobs(uid)):
                news.wait(60)
        return wait_for(self.archive.jobs, found[0].id, *states)

    def attempt(self, uid: str, *, attempts: int = 0, lock: str = "2.25.7") -> Any:
        """One at a step, without a queue."""
        payload = {"step": uid, "performer": self.robot.name, "lock": lock}
        context = RecordedContext(payload, kind=KIND, attempts=attempts)
        return Performing(self.archive, UpsSettings()).run(context)

    def scheduled(self, **attributes: Any) -> str:
        """A step that nobody was told of."""
        uid = str(generate_uid())
        self.steps.create(uid, new_step("x", **{"WorklistLabel": "AI", **attributes}))
        return uid

    def step(self, uid: str) -> Step:
        return self.steps.get(uid)

    def why(self, uid: str) -> tuple[str, str]:
        (item,) = self.step(uid).dataset.ProcedureStepProgressInformationSequence
        (reason,) = item.ProcedureStepDiscontinuationReasonCodeSequence
        return str(item.get("ReasonForCancellation", "")), str(reason.CodeValue)


Halls = Callable[..., Hall]


@pytest.fixture
def hall(pacs_archive: Archives) -> Halls:
    def run(
        does: Callable[[str, Dataset, JobContext], object] | None = None,
        *,
        settings: dict[str, Any] | None = None,
    ) -> Hall:
        robot = Robot(does=does) if does else Robot()
        plugins = {NAME: plugin, "jobs": pacs_jobs.plugin, "robots": Robots(robot)}
        return Hall(pacs_archive(plugins, settings=settings or {}), robot)

    return run


def test_subscribers_hear_of_a_performance(
    hall: Halls, watcher: Listener, pacs_index_url: str
) -> None:
    """As of one by anybody: claimed, how far it is, completed; with what was made, by series."""

    def does(uid: str, step: Dataset, context: JobContext) -> object:
        context.progress(1, 4, "a quarter")
        return performed(output("1.2.1", "1.2.1.1"), output("1.2.2", "1.2.2.1"))

    settings = {
        "index": {"url": pacs_index_url} if pacs_index_url else {},
        "peers": {"watcher": watcher.settings},
        "plugin": {NAME: {"retrieve_aet": "ARCHIVE"}},
    }
    place = hall(does, settings=settings)
    uid = str(generate_uid())
    with place.peer() as peer:
        assert peer.subscribe(GLOBAL, "WATCHER") == 0
        wanted = new_step(
            "x",
            WorklistLabel="AI",
            ScheduledWorkitemCodeSequence=[code("7")],
            ScheduledStationNameCodeSequence=[code("8")],
        )
        assert peer.create(uid, wanted).Status == 0
        reports = []
        while not reports or reports[-1].state != "COMPLETED":
            reports.append(watcher.report())
        _, step = peer.get(uid)
    states = [each.state for each in reports if each.type == 1]
    assert states == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]
    told = [
        item.ProcedureStepProgress
        for each in reports
        if each.type == 3
        for item in each.information.ProcedureStepProgressInformationSequence
    ]
    assert (told[0], told[-1]) == ("0", "100")
    (item,) = step.UnifiedProcedureStepPerformedProcedureSequence
    assert item.PerformedWorkitemCodeSequence[0].CodeValue == "7"
    assert item.PerformedStationNameCodeSequence[0].CodeValue == "8"
    made = item.OutputInformationSequence
    assert [each.SeriesInstanceUID for each in made] == ["1.2.1", "1.2.2"]
    assert {each.DICOMRetrievalSequence[0].RetrieveAETitle for each in made} == {"ARCHIVE"}
    assert made[1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.2.1"


def test_only_steps_that_are_wanted_and_ready_are_ordered(hall: Halls) -> None:
    """What is changed is looked at again: with other input, or for somebody else."""
    place = hall()
    with place.peer() as peer:
        other, waiting = str(generate_uid()), str(generate_uid())
        peer.create(other, new_step("x", WorklistLabel="HUMANS"))
        peer.create(waiting, new_step("x", WorklistLabel="AI", InputReadinessState="UNAVAILABLE"))
        place.job(_created(peer))
        assert place.jobs(other) == place.jobs(waiting) == []
        assert peer.set(waiting, _of(InputReadinessState="READY")).Status == 0
        assert peer.set(other, _of(WorklistLabel="AI")).Status == 0
        for uid in (waiting, other):
            assert place.job(uid).state is JobState.DONE
            assert place.step(uid).state == "COMPLETED"


def _created(peer: Worker, **attributes: Any) -> str:
    uid = str(generate_uid())
    step = new_step("x", **{"WorklistLabel": "AI", **attributes})
    assert peer.create(uid, step).Status == 0
    return uid


def _of(**attributes: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def test_a_step_waits_for_its_hour(hall: Halls) -> None:
    """Also when it was put off after it was ordered; sooner, it gets a job that is due."""
    place = hall()
    with place.peer() as peer:
        uid = _created(peer, ScheduledProcedureStepStartDateTime=FAR_AHEAD)
        job = place.job(uid, JobState.WAITING)
        assert job.due is not None
        assert job.due.year >= 2998  # whatever the time zone
        with pytest.raises(JobPutOff, match="later"):
            place.attempt(uid)
        assert peer.set(uid, _of(ScheduledProcedureStepStartDateTime=LONG_AGO)).Status == 0
        while len(place.jobs(uid)) < 2:
            place.job(_created(peer))
        assert place.job(uid).state is JobState.DONE
        assert place.robot.seen.count(uid) == 1


def test_a_step_that_expired_is_canceled(hall: Halls) -> None:
    place = hall()
    uid = place.scheduled(ScheduledProcedureStepExpirationDateTime=LONG_AGO)
    assert place.attempt(uid)["state"] == "CANCELED"
    assert place.why(uid) == ("it expired before it was begun", "110533")
    assert place.robot.seen == []


def test_what_is_refused_is_canceled_with_its_reason(hall: Halls) -> None:
    """A code that is none of PS3.16 CID 9300 becomes the one without a meaning."""
    place = hall(lambda *_: performed(refusal="no input", reason_code="110523"))
    uid = place.scheduled()
    assert place.attempt(uid) == {"state": "CANCELED", "reason": "no input"}
    assert place.why(uid) == ("no input", "110523")
    place.robot.does = lambda *_: performed(refusal="no idea", reason_code="1")
    other = place.scheduled()
    place.attempt(other)
    assert place.why(other) == ("no idea", "110513")


def test_the_last_attempt_that_fails_cancels_the_step(hall: Halls) -> None:
    """Until then it stays IN PROGRESS, under the same lock; then it is a dead letter."""

    def fails(*_: object) -> object:
        raise RuntimeError("out of luck")

    place = hall(fails, settings={"plugin": {NAME: {"perform_attempts": 1}}})
    uid = place.scheduled()
    with pytest.raises(RuntimeError):
        place.attempt(uid, attempts=0)
    assert place.step(uid).state == "IN PROGRESS"
    with pytest.raises(RuntimeError):
        place.attempt(uid, attempts=1)
    with place.peer() as peer:
        failed = _created(peer)
        job = place.job(failed)
    assert (job.state, job.error) == (JobState.FAILED, "out of luck")
    assert place.why(failed) == ("out of luck", "110501")
    assert place.step(uid).state == "IN PROGRESS"


def test_what_no_attempt_could_do_cancels_the_step_at_once(hall: Halls) -> None:
    """A dead letter is not tried again, and nobody else could end what is IN PROGRESS."""

    def fails(*_: object) -> object:
        raise JobFailed("never")

    place = hall(fails)
    uid = place.scheduled()
    with pytest.raises(JobFailed, match="never"):
        place.attempt(uid, attempts=0)
    assert place.step(uid).state == "CANCELED"
    assert place.why(uid) == ("never", "110501")


def test_work_that_ends_its_process_each_time_is_given_up(hall: Halls) -> None:
    """The attempts are over before anybody could say why."""
    place = hall()
    uid = place.scheduled()
    place.steps.change_state(uid, "IN PROGRESS", "2.25.7", ours=True, performer="robot")
    with pytest.raises(Exception, match="it failed 3 times: the archive ended in the middle"):
        place.attempt(uid, attempts=3)
    assert place.why(uid)[1] == "110501"
    assert place.robot.seen == []


def test_a_step_of_somebody_else_is_passed_over(hall: Halls) -> None:
    """Claimed meanwhile, changed, canceled or deleted."""
    place = hall()
    claimed, canceled, changed = place.scheduled(), place.scheduled(), place.scheduled()
    place.steps.change_state(claimed, "IN PROGRESS", "2.25.8")
    place.steps.request_cancel(canceled, "X", Dataset())
    place.steps.modify(changed, _of(WorklistLabel="HUMANS"))
    for uid in (claimed, canceled, changed, "1.2.3"):
        assert place.attempt(uid)["state"] == "PASSED OVER"
    assert place.robot.seen == []


def _holding(begun: threading.Event) -> Callable[[str, Dataset, JobContext], object]:
    """Works until it is canceled."""

    def hold(uid: str, step: Dataset, context: JobContext) -> object:
        begun.set()
        assert context.cancelled.wait(60)
        raise JobCanceled("canceled")

    return hold


def test_a_request_to_cancel_ends_the_work(hall: Halls) -> None:
    """The step is CANCELED at once, by the words of who asked; so is its job."""
    begun = threading.Event()
    place = hall(_holding(begun))
    with place.peer() as peer:
        uid = _created(peer)
        assert begun.wait(60)
        assert peer.act(2, uid, PUSH, ReasonForCancellation="enough") == 0
        assert place.step(uid).state == "CANCELED"
        assert place.job(uid).state is JobState.CANCELED
        assert place.why(uid) == ("enough", "110513")
    assert Assignments(place.archive.tables(NAME)).ended() == []


def test_a_canceled_job_cancels_its_step(hall: Halls) -> None:
    begun = threading.Event()
    place = hall(_holding(begun))
    with place.peer() as peer:
        uid = _created(peer)
        assert begun.wait(60)
        assert place.archive.jobs.cancel(JobFilter(kinds=(KIND,), lane=uid)) == 1
        assert place.job(uid).state is JobState.CANCELED
    assert place.why(uid) == ("its job was canceled", "110513")


@pytest.mark.parametrize("begun", [False, True])
def test_a_job_that_is_canceled_while_it_waits_cancels_its_step(
    hall: Halls, watcher: Listener, begun: bool
) -> None:
    """Before its hour, or between two attempts; subscribers hear of both changes of state."""

    def does(uid: str, step: Dataset, context: JobContext) -> object:
        raise JobPutOff("not now", until=dt.datetime.now(dt.UTC) + dt.timedelta(days=1))

    place = hall(does, settings={"peers": {"watcher": watcher.settings}})
    with place.peer() as peer:
        assert peer.subscribe(GLOBAL, "WATCHER") == 0
        hour = LONG_AGO if begun else FAR_AHEAD
        uid = _created(peer, ScheduledProcedureStepStartDateTime=hour)
        job = place.job(uid, JobState.WAITING)
        while begun and job.error != "not now":
            job = place.job(uid, JobState.WAITING)
        assert place.step(uid).state == ("IN PROGRESS" if begun else "SCHEDULED")
        assert place.archive.jobs.cancel(JobFilter(ids=[job.id])) == 1
        states = []
        while "CANCELED" not in states:
            report = watcher.report()
            states += [report.state] if report.type == 1 else []
        assert states == ["SCHEDULED", "IN PROGRESS", "CANCELED"]
        assert peer.act(2, uid, PUSH) == 0xB304
    assert place.why(uid) == ("its job was canceled", "110513")
    assert Assignments(place.archive.tables(NAME)).performed() == []


def test_a_job_that_was_canceled_while_nobody_looked_cancels_its_step(
    hall: Halls, pacs_archive: Archives
) -> None:
    """By a command beside an archive that did not run: the next start sees it."""
    place = hall()
    with place.peer() as peer:
        uid = _created(peer, ScheduledProcedureStepStartDateTime=FAR_AHEAD)
        job = place.job(uid, JobState.WAITING)
    place.running.stop()
    without = pacs_archive({NAME: plugin, "jobs": pacs_jobs.plugin}, folder=place.running.data)
    assert without.archive.jobs.cancel(JobFilter(ids=[job.id])) == 1
    assert Hall(without, Robot()).step(uid).state == "SCHEDULED"
    without.stop()
    plugins = {NAME: plugin, "jobs": pacs_jobs.plugin, "robots": Robots(Robot())}
    after = Hall(pacs_archive(plugins, folder=place.running.data), Robot())
    with after.archive.jobs.news() as news:
        while after.step(uid).state != "CANCELED":
            news.wait(0.1)
    assert after.why(uid) == ("its job was canceled", "110513")


def test_another_job_for_a_step_keeps_it(hall: Halls, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two is canceled, since the step was changed, and has got another one; however many
    jobs there are.
    """
    monkeypatch.setattr("pacs_ups.performing.watching._AT_ONCE", 1)
    place = hall()
    with place.peer() as peer:
        uid = _created(peer, ScheduledProcedureStepStartDateTime=FAR_AHEAD)
        first = place.job(uid, JobState.WAITING)
        assert peer.set(uid, _of(ScheduledProcedureStepStartDateTime="29980101")).Status == 0
        while len(place.jobs(uid)) < 2:
            place.job(_created(peer))
        assert place.archive.jobs.cancel(JobFilter(ids=[first.id])) == 1
        assert place.job(_created(peer)).state is JobState.DONE
        StepWatch(place.archive).look()
        assert place.step(uid).state == "SCHEDULED"


def test_the_queue_gives_no_step_up(hall: Halls) -> None:
    """The plugin counts attempts, and tells the step of the last one."""
    (kind,) = (each for each in hall().archive.jobs.kinds if each.name == KIND)  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=r'limits."ups.perform"\] attempts = 2: jobs of'):
        limited(kind, KindLimits(attempts=2))
    assert limited(kind, KindLimits(attempts=0, at_once=2)).at_once == 2


def test_a_stop_interrupts_the_work(hall: Halls, pacs_archive: Archives) -> None:
    """The step stays IN PROGRESS, and the next start completes it."""
    begun = threading.Event()
    place = hall(_holding(begun))
    with place.peer() as peer:
        uid = _created(peer)
        assert begun.wait(60)
    place.running.stop()
    plugins = {NAME: plugin, "jobs": pacs_jobs.plugin, "robots": Robots(Robot())}
    after = Hall(pacs_archive(plugins, folder=place.running.data), Robot())
    assert after.job(uid).state is JobState.DONE
    assert after.step(uid).state == "COMPLETED"


def test_steps_from_before_are_looked_at_when_there_is_a_performer(
    pacs_archive: Archives,
) -> None:
    """Whatever was installed when they were made."""
    first = pacs_archive({NAME: plugin})
    uid = str(generate_uid())
    Steps(first.archive.tables(NAME)).create(uid, new_step("x", WorklistLabel="AI"))
    first.stop()
    plugins = {NAME: plugin, "jobs": pacs_jobs.plugin, "robots": Robots(Robot())}
    place = Hall(pacs_archive(plugins, folder=first.data), Robot())
    assert place.job(uid).state is JobState.DONE


def test_a_step_that_changed_while_it_was_looked_at_is_looked_at_again(steps: Steps) -> None:
    """So that nobody works on what it was."""
    assignments = Assignments(steps.store)
    steps.create("1.2.3", new_step("x"))
    (seen,) = assignments.unsettled()
    steps.modify("1.2.3", _of(ProcedureStepLabel="y"))
    assignments.settle(seen, "robot")
    (again,) = assignments.unsettled()
    assert again.dataset.ProcedureStepLabel == "y"
    assignments.settle(again, "")
    assert assignments.unsettled() == []
    assignments.reconsider()
    assert [each.uid for each in assignments.unsettled()] == ["1.2.3"]


def test_who_claims_a_step_has_it_alone(steps: Steps) -> None:
    """It is then no performer's, and who wants it canceled asks its performer."""
    assignments = Assignments(steps.store)
    steps.create("1.2.3", new_step("x"))
    (seen,) = assignments.unsettled()
    assignments.settle(seen, "robot")
    steps.change_state("1.2.3", "IN PROGRESS", "2.25.8", ours=True)
    with pytest.raises(StepError, match="performs it"):
        steps.request_cancel("1.2.3", "X", Dataset())
    assert not assignments.holds("1.2.3", "2.25.7")
    assert assignments.holds("1.2.3", "2.25.8")


@pytest.mark.parametrize(
    ("robots", "reason"),
    [
        ((Robot(), Robot()), "two performers of steps are called 'robot'"),
        ((Robot(name="No Name"),), "which is no performer of steps"),
        (("text",), "which is no performer of steps"),
    ],
)
def test_performers_are_what_they_should_be(
    pacs_archive: Archives, robots: tuple[Any, ...], reason: str
) -> None:
    """Two of one name, or something else, stop the start."""
    plugins = {NAME: plugin, "jobs": pacs_jobs.plugin, "robots": Robots(*robots)}
    with pytest.raises(PluginError, match=reason):
        pacs_archive(plugins)


def test_a_performer_that_raises_holds_up_nobody() -> None:
    """The next one is asked."""
    broken = SimpleNamespace(name="broken", wants=lambda step: step.NoSuchKeyword)
    step = new_step("x", WorklistLabel="AI")
    robots: Any = {"broken": broken, "robot": Robot()}
    assert wanted_by(robots, step) == "robot"
    assert wanted_by({"broken": robots["broken"]}, step) == ""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20261122120000+0100", dt.datetime(2026, 11, 22, 11, tzinfo=dt.UTC)),
        ("20261122120000.5+0000", dt.datetime(2026, 11, 22, 12, 0, 0, 500_000, tzinfo=dt.UTC)),
        ("", None),
        ("20261122120000+9900", None),
        ("00010101000000+1200", None),
    ],
)
def test_moments_that_cannot_be_stop_nobody(text: str, moment: dt.datetime | None) -> None:
    """A peer may write what it likes; such a step is due at once."""
    step = _of(ScheduledProcedureStepStartDateTime=text)
    assert moment_of(step, "ScheduledProcedureStepStartDateTime") == moment


def test_performers_need_a_queue(pacs_archive: Archives) -> None:
    """It is said at the start, and not with the first step."""
    with pytest.raises(ConfigurationError, match="performed by robot, which needs a queue of jobs"):
        pacs_archive({NAME: plugin, "robots": Robots(Robot())})


def test_a_step_waits_for_a_node_that_has_its_performer(pacs_archive: Archives) -> None:
    running = pacs_archive({NAME: plugin, "jobs": pacs_jobs.plugin})
    place = Hall(running, Robot())
    uid = place.scheduled()
    with pytest.raises(JobPutOff, match="this node has no performer 'robot'"):
        place.attempt(uid)
    assert place.step(uid).state == "SCHEDULED"


def test_without_performers_nobody_looks(pacs_archive: Archives) -> None:
    """An archive of people has no thread for it, and needs no queue of jobs."""
    running = pacs_archive({NAME: plugin})
    assert performers_of(running.archive) == {}
    Steps(running.archive.tables(NAME)).create("1.2.3", new_step("x"))
    assert [t.name for t in threading.enumerate() if t.name == "ups-watch"] == []
