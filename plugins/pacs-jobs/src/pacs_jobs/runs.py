"""Jobs that are being done in this process: their contexts, their threads, and how they end."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import PacsError
from pacs_framework.jobs import (
    JobCanceled,
    JobContext,
    JobFailed,
    JobPutOff,
    JobRefused,
    Progress,
    encoded,
)
from pacs_framework.plugins.blame import describe
from pacs_framework.tables import now
from pacs_jobs.ending import End, Ending
from pacs_jobs.rows import InRun
from pacs_jobs.saying import Line

if TYPE_CHECKING:
    from pacs_framework.jobs import Job, JobKind
    from pacs_jobs.taking import Claimed

__all__ = ["LONGEST_ERROR", "LONGEST_LINE", "MOST_LINES", "Run", "RunContext"]

LONGEST_LINE = 4000
LONGEST_ERROR = 2000
MOST_LINES = 2000
"""Of one run; work that writes more of them is told so, once, in the log."""

_log = structlog.get_logger(__name__)


class RunContext(JobContext):
    """One job of the run that is named ``run``; ``changed`` is called, from any thread, when there
    is something of it to write down, and ``settled`` when that is its end.
    """

    def __init__(
        self, job: Job, run: str, changed: Callable[[], None], settled: Callable[[], None]
    ) -> None:
        super().__init__(job)
        self.place = InRun(int(job.id), run)
        self.ended: End | None = None
        self.written = False
        self._changed = changed
        self._settled = settled
        self._lock = threading.Lock()
        self._progress = Progress()
        self._unsaid = False
        self._lines: list[Line] = []
        self._count = 0

    def progress(self, done: float, total: float = 0.0, note: str = "") -> None:
        """See `JobContext.progress`."""
        with self._lock:
            news, self._unsaid = not self._unsaid, True
            self._progress = Progress(done=float(done), total=float(total), note=_clean(note, 500))
        if news:
            self._changed()

    def log(self, text: str) -> None:
        """See `JobContext.log`."""
        with self._lock:
            self._count += 1
            if self._count > MOST_LINES + 1:
                return
            if self._count > MOST_LINES:
                text = f"more than {MOST_LINES} lines of one run are not kept"
            line = Line(
                number=self.place.number,
                at=now(),
                attempt=self.attempt,
                text=_clean(text, LONGEST_LINE),
            )
            self._lines.append(line)
            news = len(self._lines) == 1
        if news:
            self._changed()

    def done(self, result: object = None) -> None:
        """See `JobContext.done`."""
        kept = encoded(result, f"the result of a job of kind {self.job.kind!r}")
        self._end(Ending.DONE, result=kept)

    def failed(self, reason: str, *, final: bool = False) -> None:
        """See `JobContext.failed`."""
        self._end(Ending.FAILED_FOR_GOOD if final else Ending.FAILED, reason)

    def put_off(self, reason: str, until: dt.datetime, *, kind_too: bool = False) -> None:
        """See `JobContext.put_off`."""
        if until.tzinfo is None:
            raise ValueError("a datetime without tzinfo names no moment; use datetime.now(UTC)")
        self._end(Ending.PUT_OFF, reason, until=until, kind_too=kind_too)

    def stopped(self, reason: str) -> None:
        """The run was ended by the archive's own end: as if it had not been begun."""
        self._end(Ending.STOPPED, reason)

    def to_end(self, why: str) -> None:
        """Tell the work that it is to end; the first reason counts."""
        self.why = self.why or why
        self.cancelled.set()

    @property
    def has_news(self) -> bool:
        """Whether there is something of it to write down."""
        return self.ended is not None or self._unsaid or bool(self._lines)

    def taken_progress(self) -> Progress | None:
        """How far it is, where that has changed since the last time."""
        with self._lock:
            unsaid, self._unsaid = self._unsaid, False
            return self._progress if unsaid else None

    def taken_lines(self) -> list[Line]:
        """What it has written since the last time."""
        with self._lock:
            lines, self._lines = self._lines, []
            return lines

    def give_back(self, lines: Sequence[Line], *, said: bool) -> None:
        """They are not written down, nor, with ``said``, how far it is; they come again."""
        with self._lock:
            self._unsaid = self._unsaid or said
            self._lines[:0] = lines

    def _end(
        self,
        ending: Ending,
        error: str = "",
        *,
        result: str = "null",
        until: dt.datetime | None = None,
        kind_too: bool = False,
    ) -> None:
        with self._lock:
            if self.ended is not None:
                return
            self.ended = End(
                number=self.place.number,
                run=self.place.run,
                attempt=self.attempt,
                ending=ending,
                progress=self._progress,
                error=_clean(error, LONGEST_ERROR),
                result=result,
                until=until,
                kind_too=kind_too,
            )
        self._settled()


class Run:
    """One call of a kind's function, in a thread of its own.

    ``announced``: whoever writes down has been told that jobs of it have ended, and has not yet
    taken what they say; no further one rings for it.
    """

    def __init__(self, kind: JobKind, claimed: Claimed, changed: Callable[[], None]) -> None:
        self.kind = kind
        self.contexts = [
            RunContext(job, claimed.run, changed, self._one_is_settled) for job in claimed.jobs
        ]
        self.deadline = time.monotonic() + kind.time_limit if kind.time_limit else None
        self.overdue = False
        self.stopping = False
        self.over = False
        self.counted = False
        self.announced = False
        self._changed = changed
        self._thread = threading.Thread(
            target=self._work, name=f"job-{kind.name}-{claimed.jobs[0].id}", daemon=True
        )

    @property
    def is_written(self) -> bool:
        """Whether the ends of all its jobs are written down."""
        return all(context.written for context in self.contexts)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for the end, for so long at most; whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def expire(self) -> None:
        """Its time is over."""
        self.overdue, self.deadline = True, None
        for context in self.contexts:
            context.to_end(f"its time of {self.kind.time_limit:g} s is over")

    def stop(self) -> None:
        """The archive is about to end."""
        self.stopping = True
        for context in self.contexts:
            context.to_end("the archive stops")

    def _one_is_settled(self) -> None:
        """The first of several says that there are ends to look at; the end of the only job comes
        with that of its run.
        """
        if self.kind.run_together is not None and not self.announced:
            self.announced = True
            self._changed()

    def _work(self) -> None:
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - the end of a thread of a plugin
            for context in self.contexts:
                self._failed(context, error)
        else:
            for context in self.contexts:
                context.failed("the work has ended without a word about this job")
        finally:
            self.over = True
            self._changed()

    def _call(self) -> None:
        if self.kind.run_together is not None:
            self.kind.run_together(tuple(self.contexts))
            return
        assert self.kind.run is not None, "a kind has the one or the other"
        (context,) = self.contexts
        result = self.kind.run(context)
        try:
            context.done(result)
        except JobRefused as error:
            context.failed(str(error), final=True)  # no attempt would make it smaller

    def _failed(self, context: RunContext, error: BaseException) -> None:
        """What ``error`` means for a job of which nothing else was said."""
        if isinstance(error, JobPutOff):
            context.put_off(str(error), error.until, kind_too=error.kind_too)
        elif isinstance(error, JobFailed):
            context.failed(str(error), final=True)
        elif self.overdue:
            context.failed(f"its time of {self.kind.time_limit:g} s was over")
        elif self.stopping:
            context.stopped("the archive was stopped meanwhile")
        elif isinstance(error, JobCanceled):
            context.failed("canceled")
        elif isinstance(error, PacsError):
            context.failed(str(error))
        else:
            _log.error(
                "work of a job failed", job=context.job.id, kind=self.kind.name, exc_info=error
            )
            context.failed(describe(error))


def _clean(text: object, most: int) -> str:
    """As both engines keep it: no NUL, no lone surrogates, and no more than that."""
    cleaned = str(text).replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
    return cleaned if len(cleaned) <= most else cleaned[: most - 1] + "…"
