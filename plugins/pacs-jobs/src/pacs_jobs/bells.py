"""Waking who does jobs and who watches them: beside this process by pipes, elsewhere by PostgreSQL.

Nobody looks again and again. On SQLite all who share the tables share the data folder, so there
are pipes in it; on PostgreSQL the transaction itself tells every node, this one among them.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Self

from pacs_framework.archive.claims import Claim, living
from pacs_framework.jobs import JobNews
from pacs_framework.tables import Notices, give_notice
from pacs_framework.waking import Waker, ring

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy.engine import Connection

    from pacs_framework.tables import TableStore

__all__ = ["FOLDER", "Bells", "News", "hearing"]

FOLDER = "jobs"
"""In the folder of the archive's data: who does jobs here, who watches, and their bells."""

_BELL = "bell"
_WATCHERS = "watchers"
_WORK = "pacs_jobs_work"
_NEWS = "pacs_jobs_news"


class Bells:
    """Tells others of what a transaction has changed. Threads may share it."""

    def __init__(self, data: Path, store: TableStore) -> None:
        self._folder = data / FOLDER
        self._store = store

    def give_notice(self, connection: Connection, *, work: bool) -> None:
        """In the transaction: other nodes are told when it commits, of ``work`` to do or be ended
        also those who do it.
        """
        give_notice(connection, _NEWS)
        if work:
            give_notice(connection, _WORK)

    def ring(self, *, work: bool) -> None:
        """After the transaction: the same for processes beside this one."""
        if self._store.is_postgresql:
            return
        if work:
            ring(self._folder / _BELL)
        for folder in living(self._folder / _WATCHERS):
            ring(folder / _BELL)


def hearing(data: Path, store: TableStore) -> Waker:
    """What is rung when there is work; to be closed. Raises `IndexUnavailable`."""
    return Notices(store, _WORK) if store.is_postgresql else Waker(data / FOLDER / _BELL)


class News(JobNews):
    """What a watcher waits for; a context manager."""

    def __init__(self, data: Path, store: TableStore) -> None:
        self._folder = data / FOLDER / _WATCHERS
        self._store = store
        self._first = True

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            if self._store.is_postgresql:
                self._bell: Waker = undo.enter_context(closing(Notices(self._store, _NEWS)))
            else:
                claim = undo.enter_context(closing(Claim(self._folder)))
                self._bell = undo.enter_context(closing(Waker(claim.folder / _BELL)))
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.close()

    def wait(self, seconds: float | None, *others: Waker) -> bool:
        """As `JobNews.wait`. Raises `IndexUnavailable` where the database has gone."""
        if self._first:
            self._first = False
            return True
        return self._bell in self._bell.wait(seconds, *others)
