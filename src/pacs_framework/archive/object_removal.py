"""Removing objects that the index has stopped naming, and their notes in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import PacsError
from pacs_framework.index.removing import forget_obsolete

if TYPE_CHECKING:
    from pacs_framework.index.database import Database
    from pacs_framework.storage import StorageBackend

__all__ = ["ObjectRemoval"]

_THREADS = 8  # objects at a time: a delete waits for a disk or for a store far away
_PAGE = 500
_PATIENCE = 10.0  # seconds in which nothing could be removed; who waits longer waits for nothing

_log = structlog.get_logger(__name__)


def _no_progress(_done: int, _total: int) -> None:
    """Nobody watches."""


class ObjectRemoval:
    """Removes objects, some at a time. Safe to use from many threads."""

    def __init__(self, database: Database, storage: StorageBackend) -> None:
        self._database = database
        self._storage = storage

    def remove(
        self,
        keys: Sequence[str],
        progress: Callable[[int, int], None] = _no_progress,
        stopping: threading.Event | None = None,
    ) -> int:
        """Remove the objects under ``keys``, which nothing may name; how many are left.

        Those that the storage refuses are passed over. When it has removed nothing for some
        seconds, it is away: then no more are tried, and none after ``stopping`` was set. The index
        keeps the notes of what is left.
        """
        run = _Run(self._storage, stopping or threading.Event())
        left = 0
        progress(0, len(keys))
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="delete") as threads:
            for start in range(0, len(keys), _PAGE):
                page = keys[start : start + _PAGE]
                gone: list[str] = []
                answers = zip(page, threads.map(run.removes, page), strict=True)
                for done, (key, is_gone) in enumerate(answers, start=start + 1):
                    if is_gone:
                        gone.append(key)
                    progress(done, len(keys))
                left += len(page) - len(gone)
                self._forget(gone)
        if run.untried:
            _log.warning("the storage removes nothing; other objects wait", objects=run.untried)
        return left

    def _forget(self, keys: Sequence[str]) -> None:
        try:
            with self._database.writing() as connection:
                forget_obsolete(connection, keys)
        except PacsError as error:  # to remove what is gone does no harm
            _log.warning("what was removed could not be put down", error=str(error))


class _Run:
    """One removal: when the storage did something last, and how many objects were not tried."""

    def __init__(self, storage: StorageBackend, stopping: threading.Event) -> None:
        self._storage = storage
        self._stopping = stopping
        self._removed_at = time.monotonic()
        self._fails = False
        self._mutex = threading.Lock()
        self.untried = 0

    def removes(self, key: str) -> bool:
        if self._stopping.is_set() or self._is_away():
            with self._mutex:
                self.untried += 1
            return False
        try:
            self._storage.delete(key)
        except PacsError as error:
            _log.warning("a deleted object is still in the storage", key=key, error=str(error))
            self._fails = True
            return False
        self._removed_at = time.monotonic()
        self._fails = False
        return True

    def _is_away(self) -> bool:
        return self._fails and time.monotonic() - self._removed_at > _PATIENCE
