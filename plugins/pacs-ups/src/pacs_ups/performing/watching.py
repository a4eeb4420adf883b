"""What has steps performed: it looks for those of a performer, and orders a job for each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog
from pydicom.uid import generate_uid

from pacs_framework.background import Background, keep_on
from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs import JobFilter, JobOrder, MissingJobQueue
from pacs_framework.waking import Waker
from pacs_ups.bells import performers_of as bell_of
from pacs_ups.performing.performers import performers_of, wanted_by
from pacs_ups.state.assigning import Assignments
from pacs_ups.state.datasets import moment_of, text_of
from pacs_ups.state.model import State, Step
from pacs_ups.tables import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pacs_framework.archive.archive import Archive
    from pacs_ups.api import StepPerformer

__all__ = ["KIND", "StepWatch"]

KIND = "ups.perform"
"""The kind of jobs that perform steps."""

_PRIORITY = {"HIGH": 10, "MEDIUM": 0, "LOW": -10}

_log = structlog.get_logger(__name__)


class StepWatch(Background):
    """Looks whenever a step was made, changed or canceled; asleep where nobody performs any."""

    name = "ups"

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._assignments = Assignments(archive.tables(NAME))
        self._performers: Mapping[str, StepPerformer] = {}
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
        stopping, bell = threading.Event(), Waker(bell_of(self._archive.data))
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
        try:
            self.look()
        except BaseException:
            bell.ring()  # what could not be done now is looked at again
            raise
        bell.wait(None)

    def look(self) -> None:
        """Order what is to be performed, and end the work on what is over."""
        while found := self._assignments.unsettled():
            for step in found:
                self._assignments.settle(step, self._ordered(step))
        while over := self._assignments.ended():
            for uid in over:
                self._archive.jobs.cancel(JobFilter(kinds=(KIND,), lane=uid))
                self._assignments.forget(uid)

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
