"""One step performed: claimed, done by its performer, and COMPLETED or CANCELED."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pacs_framework.jobs import JobCanceled, JobContext, JobFailed, JobKind, JobPutOff
from pacs_framework.tables import now
from pacs_ups.bells import ring_all
from pacs_ups.performing import wording
from pacs_ups.performing.context import StepContext
from pacs_ups.performing.performers import performers_of
from pacs_ups.performing.watching import KIND
from pacs_ups.state.assigning import Assignments
from pacs_ups.state.datasets import moment_of, text_of
from pacs_ups.state.model import Code, State, Step, StepError
from pacs_ups.state.steps import Steps
from pacs_ups.tables import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pacs_framework.archive.archive import Archive
    from pacs_ups.api import Performed, StepPerformer
    from pacs_ups.settings import UpsSettings

__all__ = ["Performing", "kinds_of"]

_PASSED_OVER = "PASSED OVER"
_ELSEWHERE = dt.timedelta(minutes=10)
_SETTLED = (Code.WRONG_TRANSACTION_UID, Code.MAY_NO_LONGER_BE_UPDATED, Code.NO_SUCH_STEP)
"""The step is not ours any more: canceled by a request, or gone."""

_log = structlog.get_logger(__name__)

_Result = dict[str, str]


def kinds_of(archive: Archive, settings: UpsSettings) -> list[JobKind]:
    """The job that performs a step. It counts attempts itself, to cancel the step with the last."""
    return [
        JobKind(
            name=KIND,
            description="Perform a unified procedure step",
            run=Performing(archive, settings).run,
            at_once=settings.perform_at_once,
            attempts=0,
        )
    ]


class Performing:
    """Does the jobs of one archive; see `JobKind.run`."""

    def __init__(self, archive: Archive, settings: UpsSettings) -> None:
        self._archive = archive
        self._settings = settings
        self._performers: Mapping[str, StepPerformer] | None = None

    def run(self, context: JobContext) -> _Result:
        """Perform a step; what became of it. Raises what `JobKind.run` may."""
        if self._performers is None:
            self._performers = performers_of(self._archive)
        one = _One(self._archive, self._settings, context)
        try:
            return one.perform(self._performers)
        except StepError as error:
            if error.code not in _SETTLED:
                raise
            return {"state": _PASSED_OVER, "reason": str(error)}


class _One:
    """One attempt at one step."""

    def __init__(self, archive: Archive, settings: UpsSettings, context: JobContext) -> None:
        self._archive, self._settings, self._context = archive, settings, context
        self._uid = str(context.payload["step"])
        self._name = str(context.payload["performer"])
        self._lock = str(context.payload["lock"])
        store = archive.tables(NAME)
        self._steps = Steps(store, ring=partial(ring_all, archive.data))
        self._assignments = Assignments(store)

    def perform(self, performers: Mapping[str, StepPerformer]) -> _Result:
        """See `Performing.run`."""
        step = self._steps.get(self._uid)
        performer = performers.get(self._name)
        if not self._assignments.holds(self._uid, self._lock):
            why = self._not_to_be_begun(step, performer)
            if why:
                return {"state": _PASSED_OVER, "reason": why}
            self._enter(State.IN_PROGRESS)
        if performer is None:
            return self._cancel(f"there is no performer {self._name!r} any more", wording.FAILED)
        if self._has_expired(step):
            return self._cancel("it expired before it was begun", wording.EXPIRED)
        if self._context.attempt > self._settings.perform_attempts:
            why = self._context.job.error or "the archive ended in the middle of it"
            return self._fail(f"it failed {self._settings.perform_attempts} times: {why}")
        return self._attempt(step, performer)

    def _not_to_be_begun(self, step: Step, performer: StepPerformer | None) -> str:
        """Why not, in words; nothing where it is. Raises `JobPutOff` before its time, and for
        another node.
        """
        if step.state is not State.SCHEDULED:
            return f"the step is {step.state}, by somebody else"
        if performer is None:
            raise JobPutOff(
                f"this node has no performer {self._name!r}; give all nodes the same plugins",
                until=now() + _ELSEWHERE,
            )
        ready = text_of(step.dataset, "InputReadinessState") == "READY"
        if not ready or not performer.wants(step.dataset):
            return "the step was changed, and is not for this performer now"
        begin = moment_of(step.dataset, "ScheduledProcedureStepStartDateTime")
        if begin is not None and begin > now():
            raise JobPutOff("the step is scheduled for later", until=begin)
        return ""

    def _has_expired(self, step: Step) -> bool:
        end = moment_of(step.dataset, "ScheduledProcedureStepExpirationDateTime")
        return step.state is State.SCHEDULED and end is not None and end < now()

    def _attempt(self, step: Step, performer: StepPerformer) -> _Result:
        begun = now()
        self._tell(0, "")
        context = StepContext(self._context, self._tell)
        try:
            performed = performer.perform(self._uid, step.dataset, context)
        except JobPutOff:
            raise
        except JobCanceled:
            self._canceled()
            raise
        except JobFailed as error:
            return self._fail(str(error))
        except Exception as error:
            if self._context.attempt < self._settings.perform_attempts:
                raise
            return self._fail(str(error) or type(error).__name__)
        if performed.refusal:
            return self._cancel(performed.refusal, performed.reason_code)
        return self._complete(step, performed, begun)

    def _complete(self, step: Step, performed: Performed, begun: dt.datetime) -> _Result:
        changes = wording.performed(
            self._lock,
            step.dataset,
            performed.outputs,
            station=self._name,
            retrieve_aet=self._settings.retrieve_aet,
            begun=begun,
            ended=now(),
        )
        self._tell(100, "")
        self._steps.modify(self._uid, changes)
        self._enter(State.COMPLETED)
        _log.info("step performed", sop_instance_uid=self._uid, performer=self._name)
        return {"state": State.COMPLETED.value}

    def _tell(self, percent: int, note: str) -> None:
        """Where the step is not ours any more, who canceled it has the job canceled."""
        with suppress(StepError):
            self._steps.modify(self._uid, wording.progress(self._lock, percent, note))

    def _canceled(self) -> None:
        """By somebody who canceled the job: the step is as well. By the end of the archive it is
        only interrupted, and by a request the step is CANCELED already.
        """
        job = self._archive.jobs.get(self._context.job.id)
        if job is not None and job.canceling:
            with suppress(StepError):
                self._cancel("its job was canceled", wording.CANCELED)

    def _cancel(self, reason: str, code: str) -> _Result:
        self._steps.modify(self._uid, wording.reasons(self._lock, reason, code))
        self._enter(State.CANCELED)
        _log.warning("step not performed", sop_instance_uid=self._uid, performer=self._name)
        return {"state": State.CANCELED.value, "reason": reason}

    def _fail(self, reason: str) -> _Result:
        """CANCELED, and a dead letter for who runs the archive."""
        self._cancel(reason, wording.FAILED)
        raise JobFailed(reason)

    def _enter(self, state: State) -> None:
        self._steps.change_state(self._uid, state, self._lock, ours=True, performer=self._name)
