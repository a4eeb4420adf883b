"""Settling: now and then the index is made durable, so that the storage may forget.

A storage backend that remembers what came in lately spares the index a sync at each commit
(`pacs_framework.storage`). What it would have to hand over after a crash must stay little: about a
second after the first commit that was not synced, one sync of the index settles all until then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_framework.storage import StorageBackend

__all__ = ["Remembered", "Settler"]

_GATHER = 1.0  # seconds
_AFTER_FAILURE = 10.0

_log = structlog.get_logger(__name__)


class Settler:
    """Calls `StorageBackend.settle` a while after there was something `due`. It owns a thread."""

    def __init__(self, storage: StorageBackend, sync: Callable[[], None]) -> None:
        self._storage = storage
        self._sync = sync
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None

    def due(self) -> None:
        """Something was committed and not synced. Costs next to nothing."""
        if self._due.is_set():
            return
        with self._mutex:
            self._due.set()
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="settling", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Settle what is due, as far as it can be; the rest is handed over at the next start."""
        with self._mutex:
            self._stopping.set()
            self._due.set()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        pause = _GATHER
        while not self._stopping.is_set():
            self._due.wait()
            self._stopping.wait(pause)
            self._due.clear()
            pause = _GATHER if self._settle() else _AFTER_FAILURE
        self._settle()  # once more: what came while the last one ran

    def _settle(self) -> bool:
        try:
            self._storage.settle(self._sync)
        except PacsError as error:
            _log.warning("the index could not be made durable", error=str(error))
            self._due.set()
            return False
        return True


class Remembered:
    """An object that the storage remembers, until `settle`; see `journal.Mark` for the others."""

    __slots__ = ("_key", "_settler", "_storage")

    def __init__(self, key: str, storage: StorageBackend, settler: Settler) -> None:
        self._key = key
        self._storage = storage
        self._settler = settler

    def settle(self) -> None:
        """The index names the object, or the object is gone."""
        self._storage.settled(self._key)
        self._settler.due()
