"""The queue of jobs, as the archive and its plugins use it."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_framework.jobs.model import (
        Enqueued,
        Job,
        JobFilter,
        JobLogLine,
        JobOrder,
        JobSummary,
        Pause,
    )
    from pacs_framework.waking import Waker

__all__ = ["JobNews", "JobQueue"]


class JobNews(ABC):
    """Tells one thread that something has changed about jobs, on whichever node."""

    @abstractmethod
    def wait(self, seconds: float | None, *others: Waker) -> bool:
        """Until there are news, one of ``others`` rings, or for so long, None for ever; whether
        there were any news.

        News in the meantime count as one. The first call returns at once.
        """


class JobQueue(ABC):
    """Keeps jobs durably and has them done. Threads may share it; every process of an archive has
    one, on all nodes of a database they are one queue.

    Everything raises `IndexUnavailable` where the database fails; nothing has changed then.
    """

    @abstractmethod
    def enqueue(self, orders: Sequence[JobOrder]) -> Sequence[Enqueued]:
        """Put jobs in, all or none: durable when this returns. Answers in the order of the orders.

        To follow the change feed, call this in ``on_stored`` with keys made of what came in: the
        hook is called at least once, and a key makes one job.

        Raises `JobRefused` for a kind that no active plugin does, and for payloads that its
        ``check`` refuses.
        """

    # --- looking --------------------------------------------------------------------------------

    @abstractmethod
    def get(self, job_id: str) -> Job | None:
        """A job by its id."""

    @abstractmethod
    def find(self, which: JobFilter, *, most: int = 100, after: str = "") -> Sequence[Job]:
        """Jobs, the newest first, beyond the id ``after`` where that is given."""

    @abstractmethod
    def summary(self) -> Sequence[JobSummary]:
        """How many there are of each kind in each state, in the order of names."""

    @abstractmethod
    def log_lines(self, job_id: str) -> Sequence[JobLogLine]:
        """What its work wrote down, in order."""

    @abstractmethod
    def news(self) -> AbstractContextManager[JobNews]:
        """To wait for changes, as ``pacs jobs watch`` does."""

    # --- changing -------------------------------------------------------------------------------

    @abstractmethod
    def cancel(self, which: JobFilter) -> int:
        """Have jobs end: at once those that wait or are held, soon those that run; how many.

        Those that are over stay as they are, and are not counted.
        """

    @abstractmethod
    def hold(self, which: JobFilter) -> int:
        """Keep waiting jobs from being taken until `release`; how many."""

    @abstractmethod
    def release(self, which: JobFilter) -> int:
        """Have held jobs wait again, for the moment they were due at; how many."""

    @abstractmethod
    def retry(self, which: JobFilter) -> int:
        """Have jobs done again at once that failed or were canceled, with all their attempts, and
        those that wait for another attempt or a later moment; how many.
        """

    @abstractmethod
    def pause(self, kind: str, *, until: dt.datetime | None = None, reason: str = "") -> None:
        """Begin no job of a kind on any node until then, or until `resume`. Running ones go on."""

    @abstractmethod
    def resume(self, kind: str) -> bool:
        """End a pause; False when there was none."""

    @abstractmethod
    def pauses(self) -> Sequence[Pause]:
        """The kinds that are paused now, by name."""
