"""Models that run by themselves: what a job does, on one series or on those of a study."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_ai.book import Book, State
from pacs_ai.catalogue import chosen, models_of
from pacs_ai.errors import ModelCanceled, NoVolume
from pacs_ai.fitting import fitting_series
from pacs_ai.inference import Inference
from pacs_ai.keeping import workers_of
from pacs_ai.settings import AiSettings, TriggerSettings
from pacs_ai.terms import NAME
from pacs_framework.errors import ConfigurationError, InstanceError
from pacs_framework.jobs import JobCanceled
from pacs_framework.tables import now
from pacs_framework.waking import Waker

if TYPE_CHECKING:
    from pacs_ai.catalogue import OfferedModel
    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import JobContext

__all__ = ["Work"]

_FAILURES = frozenset({State.FAILED, State.REFUSED, State.LOST})
_PASSED_OVER = "PASSED OVER"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one series: the state of its run and the run, or why there is none."""

    state: str
    run: str = ""
    reason: str = ""


class Work:
    """Does the jobs of one archive."""

    def __init__(self, archive: Archive, settings: AiSettings) -> None:
        self._archive = archive
        self._settings = settings
        self._workers = workers_of(archive, settings)

    def run(self, context: JobContext) -> None:
        """Do one job, and say what became of it. Raises `JobCanceled` where it was canceled."""
        with closing(Waker()) as canceled, context.on_cancel(canceled.ring):
            self._run(context, canceled)

    def _run(self, context: JobContext, canceled: Waker) -> None:
        trigger = TriggerSettings.model_validate(context.payload["trigger"])
        study, series = str(context.payload["study"]), str(context.payload["series"])
        fitting = fitting_series(self._archive, trigger, study, series)
        if not fitting:
            context.done({"state": _PASSED_OVER, "reason": "the trigger is for other series"})
            return
        try:
            model = chosen(models_of(self._archive, self._settings), trigger.model)
        except ConfigurationError as error:
            context.failed(str(error), final=True)
            return
        book = Book(self._archive.tables(NAME))
        if self._rests(context, book, model):
            return
        inference = Inference.configured(
            self._archive, self._settings, output=trigger.shadow, workers=self._workers
        )
        if model.level == "study":
            if series:
                context.failed(f"{model.label} needs a trigger with level = 'study'", final=True)
                return
            fitting = [""]  # it looks for what it wants itself
        outcomes = []
        for number, each in enumerate(fitting):
            at = _Place(context, number, len(fitting))
            outcomes.append(_outcome(inference, model, study, each, at, canceled))
        _tell(context, outcomes, alone=bool(series) or model.level == "study")

    def _rests(self, context: JobContext, book: Book, model: OfferedModel) -> bool:
        """Whether a model that fails again and again is left alone for now: its circuit is open."""
        last = book.last_ended(self._settings.circuit, model)
        failed = [record for record in last if record.state in _FAILURES]
        if len(failed) < self._settings.circuit or last[0].ended is None:
            return False
        until = last[0].ended + dt.timedelta(seconds=self._settings.rest)
        if until <= now():
            return False
        context.put_off(f"the last {len(last)} runs of {model.label} failed; it rests", until)
        return True


@dataclass(frozen=True, slots=True)
class _Place:
    """Which of how many series of a job is being worked on."""

    context: JobContext
    number: int
    count: int

    def progress(self, done: float) -> None:
        """Tell the queue of it; ``done`` is of this series."""
        self.context.progress(self.number + done, float(self.count))


def _outcome(
    inference: Inference,
    model: OfferedModel,
    study: str,
    series: str,
    at: _Place,
    canceled: Waker,
) -> _Outcome:
    """Of a run that this job makes, or made before it was taken once more."""
    made = inference.book.done_since(
        at.context.job.created, model, study, series, stored=inference.output is None
    )
    if made is not None:
        return _Outcome(state=made.state.value, run=made.uid)
    try:
        record = inference.run(model, study, series, progress=at.progress, canceled=canceled)
    except (NoVolume, InstanceError) as error:
        return _Outcome(state=_PASSED_OVER, reason=str(error))
    except ModelCanceled as error:
        raise JobCanceled(str(error)) from error
    if record.state is State.CANCELED:
        raise JobCanceled(record.reason)
    if record.state.went_well:
        at.progress(1.0)  # whatever the model told last
    return _Outcome(state=record.state.value, run=record.uid)


def _tell(context: JobContext, outcomes: Sequence[_Outcome], *, alone: bool) -> None:
    """What became of all series, to the queue; ``alone``: the job is about one."""
    failed = [each for each in outcomes if each.state in _FAILURES]
    if failed:
        # What was refused once would be refused again; anything else may have been bad luck.
        # Why is in the run: a program may put a patient's name into its last words.
        first = failed[0]
        reason = f"run {first.run} is {first.state}; `pacs ai show` tells why"
        context.failed(reason, final=all(each.state == State.REFUSED for each in failed))
        return
    runs = [each.run for each in outcomes if each.run]
    count = Counter(each.state for each in outcomes)
    state = next(
        each for each in (State.DONE.value, State.NOTHING.value, _PASSED_OVER) if count[each]
    )
    if not alone:
        few = {"nothing": count[State.NOTHING.value], "passed_over": count[_PASSED_OVER]}
        context.done({"state": state, "runs": runs, **few})
    elif runs:
        context.done({"state": state, "run": runs[0]})
    else:
        context.done({"state": state, "reason": outcomes[0].reason})
