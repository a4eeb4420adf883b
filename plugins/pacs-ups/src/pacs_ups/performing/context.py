"""The context of a job that performs a step: how far it is, the step says as well."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

from pacs_framework.jobs import JobContext

__all__ = ["StepContext"]

_PAUSE = 1.0  # seconds between reports, each of which goes to every subscriber


class StepContext(JobContext):
    """That of a queue; ``tell`` is given whole percents and a note, each percent once."""

    def __init__(self, context: JobContext, tell: Callable[[int, str], None]) -> None:
        super().__init__(context.job)
        self.cancelled = context.cancelled
        self._context = context
        self._tell = tell
        self._told = -1
        self._next = 0.0

    def check(self) -> None:
        """Raise `JobCanceled` when the work is to end, with the reason of the queue."""
        self._context.check()

    def progress(self, done: float, total: float = 0.0, note: str = "") -> None:
        """Say it to both; to the step at most once a second, for its subscribers hear it."""
        self._context.progress(done, total, note)
        percent = min(int(100 * done / total), 100) if total > 0 else 0
        if percent > self._told and time.monotonic() >= self._next:
            self._told, self._next = percent, time.monotonic() + _PAUSE
            self._tell(percent, note)

    def log(self, text: str) -> None:
        """As the queue does."""
        self._context.log(text)

    def done(self, result: object = None) -> None:
        """As the queue does."""
        self._context.done(result)

    def failed(self, reason: str, *, final: bool = False) -> None:
        """As the queue does."""
        self._context.failed(reason, final=final)

    def put_off(self, reason: str, until: dt.datetime, *, kind_too: bool = False) -> None:
        """As the queue does."""
        self._context.put_off(reason, until, kind_too=kind_too)
