"""Models that run by themselves: a series is complete when nothing more of it comes for a while."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_ai.book import Book, State
from pacs_ai.catalogue import chosen, models_of
from pacs_ai.errors import NoVolume
from pacs_ai.inference import Inference
from pacs_ai.settings import AiSettings, TriggerSettings
from pacs_ai.terms import DOOR, NAME
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import ConfigurationError, InstanceError
from pacs_framework.jobs import JobCanceled, JobKind, JobOrder, Repeat
from pacs_framework.tables import now
from pacs_framework.waking import Waker

if TYPE_CHECKING:
    from pacs_ai.book import RunRecord
    from pacs_ai.catalogue import OfferedModel
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.jobs import JobContext

__all__ = ["KIND", "kinds_of", "order_runs"]

KIND = "ai.run"
"""The kind of jobs that run models."""

_FAILURES = frozenset({State.FAILED, State.REFUSED, State.LOST})


def order_runs(changes: Sequence[Change], archive: Archive, settings: AiSettings) -> None:
    """Put in a job for each series that something came of, or put it off once more.

    What models made starts none, or they would run for ever.
    """
    wanted = {
        (number, change.study_instance_uid, change.series_instance_uid)
        for change in changes
        if change.origin.door != DOOR
        for number, trigger in enumerate(settings.triggers)
        if fnmatchcase(change.origin.calling_aet, trigger.calling_aet)
    }
    orders = [
        _order(settings.triggers[number], study, series) for number, study, series in sorted(wanted)
    ]
    if orders:
        archive.jobs.enqueue(orders)


def _order(trigger: TriggerSettings, study: str, series: str) -> JobOrder:
    return JobOrder(
        kind=KIND,
        payload={"trigger": trigger.model_dump(mode="json"), "study": study, "series": series},
        key=f"{trigger.model}/{series}",
        lane=series,
        not_before=now() + dt.timedelta(seconds=trigger.quiet),
        repeat=Repeat.POSTPONE,
    )


def kinds_of(archive: Archive, settings: AiSettings) -> list[JobKind]:
    """The jobs of this plugin."""
    work = _Work(archive, settings)
    return [
        JobKind(
            name=KIND,
            description="Run a model over a series",
            run_together=work.run_all,
            at_once=settings.at_once,
            attempts=settings.attempts,
        )
    ]


class _Work:
    """Does the jobs of one archive."""

    def __init__(self, archive: Archive, settings: AiSettings) -> None:
        self._archive = archive
        self._settings = settings

    def run_all(self, contexts: Sequence[JobContext]) -> None:
        """As `JobKind.run_together` is called, with one job."""
        for context in contexts:
            with _cancellation(context) as canceled:
                self._run(context, canceled)

    def _run(self, context: JobContext, canceled: Waker) -> None:
        trigger = TriggerSettings.model_validate(context.payload["trigger"])
        study, series = str(context.payload["study"]), str(context.payload["series"])
        if not _is_for(self._archive, trigger, study, series):
            context.done({"state": "PASSED OVER", "reason": "the trigger is for other series"})
            return
        try:
            model = chosen(models_of(self._archive.hooks, self._settings), trigger.model)
        except ConfigurationError as error:
            context.failed(str(error), final=True)
            return
        book = Book(self._archive.tables(NAME))
        if self._rests(context, book, model):
            return
        inference = Inference(
            archive=self._archive,
            book=book,
            keep_refused=self._settings.keep_refused,
            output=trigger.shadow,
        )
        try:
            record = inference.run(
                model,
                study,
                series,
                progress=lambda done: context.progress(done, 1.0),
                canceled=canceled,
            )
        except (NoVolume, InstanceError) as error:
            context.done({"state": "PASSED OVER", "reason": str(error)})
            return
        _tell(context, record)

    def _rests(self, context: JobContext, book: Book, model: OfferedModel) -> bool:
        """Whether a model that fails again and again is left alone for now: its circuit is open."""
        last = [
            record
            for record in book.newest(self._settings.circuit, model=model.name)
            if record.version == model.version and record.state in _FAILURES and record.ended
        ]
        if len(last) < self._settings.circuit or last[0].ended is None:
            return False
        until = last[0].ended + dt.timedelta(seconds=self._settings.rest)
        if until <= now():
            return False
        context.put_off(f"the last {len(last)} runs of {model.label} failed; it rests", until)
        return True


def _tell(context: JobContext, record: RunRecord) -> None:
    """What became of a run, to the queue. Raises `JobCanceled` where it was canceled."""
    if record.state is State.CANCELED:
        raise JobCanceled(record.reason)
    if record.state is State.DONE:
        context.done({"state": record.state.value, "run": record.uid})
    else:
        # What was refused once would be refused again; anything else may have been bad luck.
        # Why is in the run: a program may put a patient's name into its last words.
        reason = f"run {record.uid} is {record.state}; `pacs ai show` tells why"
        context.failed(reason, final=record.state is State.REFUSED)


def _is_for(archive: Archive, trigger: TriggerSettings, study: str, series: str) -> bool:
    keys = Dataset()
    keys.StudyInstanceUID, keys.SeriesInstanceUID = study, series
    keys.Modality = keys.SeriesDescription = ""
    return any(
        fnmatchcase(str(answer.get("Modality", "")), trigger.modality)
        and fnmatchcase(str(answer.get("SeriesDescription", "")), trigger.description)
        for answer in archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True)
    )


@contextmanager
def _cancellation(context: JobContext) -> Iterator[Waker]:
    """A waker that rings when the job is to end: a process is waited for by descriptors.

    The thread that waits for it is released when all has been said of the job, by the same event.
    """
    waker = Waker()

    def watch() -> None:
        context.cancelled.wait()
        waker.ring()

    thread = threading.Thread(target=watch, name="ai-cancel", daemon=True)
    thread.start()
    try:
        yield waker
    finally:
        context.cancelled.set()
        thread.join()
        waker.close()
