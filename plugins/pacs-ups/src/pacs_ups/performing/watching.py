"""What has steps performed: it looks for those of a performer, and orders a job for each.

It hears of the ends of jobs as well: a job that is canceled before it is begun tells its step
nothing by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog
from pydicom.uid import generate_uid

from pacs_framework.background import Background, keep_on
from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs import JobFilter, JobOrder, JobState, MissingJobQueue
from pacs_framework.waking import Waker
from pacs_ups.bells import performers_of as bell_of
from pacs_ups.bells import ring_all
from pacs_ups.performing import wording
from pacs_ups.performing.performers import performers_of, wanted_by
from pacs_ups.state.assigning import Assignments
from pacs_ups.state.datasets import moment_of, text_of
from pacs_ups.state.model import State, Step, StepError
from pacs_ups.state.steps import Steps
from pacs_ups.tables import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydicom import Dataset

    from pacs_framework.archive.archive import Archive
    from pacs_ups.api import StepPerformer

__all__ = ["KIND", "StepWatch"]

KIND = "ups.perform"
"""The kind of jobs that perform steps."""

_LIVE = JobFilter(kinds=(KIND,), states=(JobState.WAITING, JobState.HELD, JobState.RUNNING))
_AT_ONCE = 1000
_PAUSE = 1.0  # seconds between two looks for the sake of jobs
_PRIORITY = {"HIGH": 10, "MEDIUM": 0, "LOW": -10}

_log = structlog.get_logger(__name__)


class StepWatch(Background):
    """Looks whenever a step was made, changed or canceled; asleep where nobody performs any."""

    name = "ups"

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._assignments = Assignments(archive.tables(NAME))
        self._steps = Steps(archive.tables(NAME), ring=partial(ring_all, archive.data))
        self._performers: Mapping[str, StepPerformer] = {}
        self._stopping = threading.Event()
        self._end: Callable[[], None] | None = None

    def start(self) -> None:
        """Look at all scheduled steps, for performers may be others than at the last time.

        Raises `ConfigurationError` where there are performers, and no queue of jobs.
        """
        self._performers = performers_of(self._archive)
        if not self._performers:
            return
        if isinstance(self._archive.jobs, MissingJobQueue):
            raise ConfigurationError(
                f"steps are to be performed by {', '.join(self._performers)}, which needs a queue "
                "of jobs; install one, such as pacs-jobs"
            )
        stopping, bell = self._stopping, Waker(bell_of(self._archive.data))
        self._assignments.reconsider()
        bell.ring()
        turn = partial(self._turn, bell)
        thread = threading.Thread(
            target=keep_on,
            args=(stopping, "steps to be performed", turn),
            name="ups-watch",
            daemon=True,
        )
        thread.start()

        def end() -> None:
            stopping.set()
            bell.ring()
            thread.join()
            bell.close()

        self._end = end

    def stop(self) -> None:
        """End the thread; jobs are their queue's."""
        if self._end is not None:
            self._end()
            self._end = None

    def _turn(self, bell: Waker) -> None:
        """For as long as the database is there."""
        with self._archive.jobs.news() as news:
            while not self._stopping.is_set():
                self.look()
                if news.wait(None, bell):
                    bell.wait(_PAUSE)  # other jobs may end by the hundred

    def look(self) -> None:
        """Order what is to be performed, end the work on what is over, and cancel what no job is
        left for.
        """
        while found := self._assignments.unsettled():
            for step in found:
                self._assignments.settle(step, self._ordered(step))
        while over := self._assignments.ended():
            for uid in over:
                self._archive.jobs.cancel(JobFilter(kinds=(KIND,), lane=uid))
                self._assignments.forget(uid)
        self._give_up_abandoned()

    def _give_up_abandoned(self) -> None:
        """Cancel steps whose last job was canceled while it waited, or given up: nobody else could,
        for they are this archive's.
        """
        performed = self._assignments.performed()
        if not performed:
            return
        live = self._under_way()
        for uid in performed:
            if uid not in live and (reasons := self._why_over(uid)) is not None:
                with suppress(StepError):  # it was deleted meanwhile
                    self._give_up(uid, reasons)

    def _under_way(self) -> set[str]:
        """The UIDs of steps that there are jobs for."""
        found: set[str] = set()
        after = ""
        while page := self._archive.jobs.find(_LIVE, most=_AT_ONCE, after=after):
            found.update(job.lane for job in page)
            after = page[-1].id
        return found

    def _why_over(self, uid: str) -> Dataset | None:
        """What became of its last job, where that is over and did not tell the step itself."""
        last = next(iter(self._archive.jobs.find(JobFilter(kinds=(KIND,), lane=uid), most=1)), None)
        if last is not None and last.state is JobState.CANCELED:
            return wording.why("its job was canceled", wording.CANCELED)
        if last is not None and last.state is JobState.FAILED:
            return wording.why(last.error, wording.FAILED)
        return None

    def _give_up(self, uid: str, reasons: Dataset) -> None:
        if self._steps.give_up(uid, reasons):
            _log.warning(
                "step not performed",
                sop_instance_uid=uid,
                cause=str(reasons.ReasonForCancellation),
            )

    def _ordered(self, step: Step) -> str:
        """The performer that a job was ordered for, or nothing where none is needed (yet)."""
        dataset = step.dataset
        ready = text_of(dataset, "InputReadinessState") == "READY"  # else it waits to be told so
        performer = wanted_by(self._performers, dataset) if ready else ""
        if step.state is not State.SCHEDULED or not performer:
            return ""
        self._archive.jobs.enqueue([_order(step, performer)])
        _log.info("step to be performed", sop_instance_uid=step.uid, performer=performer)
        return performer


def _order(step: Step, performer: str) -> JobOrder:
    """The job for a step as it is now: changed, it gets another one, and one of them claims it."""
    payload = {"step": step.uid, "performer": performer, "lock": str(generate_uid(None))}
    return JobOrder(
        kind=KIND,
        payload=payload,
        key=f"{step.uid}/{step.changed.isoformat()}",
        lane=step.uid,
        priority=_PRIORITY.get(text_of(step.dataset, "ScheduledProcedureStepPriority"), 0),
        not_before=moment_of(step.dataset, "ScheduledProcedureStepStartDateTime"),
    )
