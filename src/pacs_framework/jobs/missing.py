"""The queue of an archive without a plugin that keeps one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NoReturn

from pacs_framework.errors import PluginError
from pacs_framework.jobs.model import (
    Enqueued,
    Job,
    JobFilter,
    JobLogLine,
    JobOrder,
    JobSummary,
    Pause,
)
from pacs_framework.jobs.queue import JobNews, JobQueue

__all__ = ["MissingJobQueue"]


class MissingJobQueue(JobQueue):
    """Raises `PluginError` for whatever it is asked: it says what to install."""

    def enqueue(self, orders: Sequence[JobOrder]) -> Sequence[Enqueued]:
        """Refuse."""
        del orders
        _refuse()

    def get(self, job_id: str) -> Job | None:
        """Refuse."""
        del job_id
        _refuse()

    def find(self, which: JobFilter, *, most: int = 100, after: str = "") -> Sequence[Job]:
        """Refuse."""
        del which, most, after
        _refuse()

    def summary(self) -> Sequence[JobSummary]:
        """Refuse."""
        _refuse()

    def log_lines(self, job_id: str) -> Sequence[JobLogLine]:
        """Refuse."""
        del job_id
        _refuse()

    def news(self) -> AbstractContextManager[JobNews]:
        """Refuse."""
        _refuse()

    def cancel(self, which: JobFilter) -> int:
        """Refuse."""
        del which
        _refuse()

    def hold(self, which: JobFilter) -> int:
        """Refuse."""
        del which
        _refuse()

    def release(self, which: JobFilter) -> int:
        """Refuse."""
        del which
        _refuse()

    def retry(self, which: JobFilter) -> int:
        """Refuse."""
        del which
        _refuse()

    def pause(self, kind: str, *, until: dt.datetime | None = None, reason: str = "") -> None:
        """Refuse."""
        del kind, until, reason
        _refuse()

    def resume(self, kind: str) -> bool:
        """Refuse."""
        del kind
        _refuse()

    def pauses(self) -> Sequence[Pause]:
        """Refuse."""
        _refuse()


def _refuse() -> NoReturn:
    raise PluginError(
        "no active plugin keeps a queue of jobs; install one that implements job_queue"
    )
