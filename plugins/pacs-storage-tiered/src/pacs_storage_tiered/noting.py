"""Noting what reads show, in the background and many at a time: a read never waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import PacsError
from pacs_framework.tables import now

if TYPE_CHECKING:
    import datetime as dt

    from pacs_storage_tiered.book import Book
    from pacs_storage_tiered.naming import Key

__all__ = ["Noting"]

_GATHER = 1.0  # seconds
_AFTER_FAILURE = 30.0

_log = structlog.get_logger(__name__)


class Noting:
    """Studies that were read, and objects whose copies or tier want work. It owns a thread.

    A crash forgets what came in the last seconds: the next read, or `pacs tiers repair`, tells it
    again.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._mutex = threading.Lock()
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._reads: dict[str, dt.datetime] = {}
        self._recalled: dict[Key, str] = {}
        self._lacking: dict[Key, str] = {}

    def was_read(self, study: str) -> None:
        """Somebody read an object of the study."""
        with self._mutex:
            self._reads[study] = now()
            self._wake()

    def is_wanted(self, key: Key, tier: str) -> None:
        """An object was read that is not in ``tier``, and belongs there now."""
        with self._mutex:
            self._recalled[key] = tier
            self._wake()

    def lacks_copy(self, key: Key, why: str) -> None:
        """Some place has no copy of it."""
        with self._mutex:
            self._lacking[key] = why
            self._wake()

    def close(self) -> None:
        """Put down what is left, as far as it can be."""
        with self._mutex:
            self._stopping.set()
            self._due.set()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _wake(self) -> None:
        self._due.set()
        if self._thread is None and not self._stopping.is_set():
            self._thread = threading.Thread(target=self._run, name="tiered-reads", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause = _GATHER
        while not self._stopping.is_set():
            self._due.wait()
            self._stopping.wait(pause)
            self._due.clear()
            pause = _GATHER if self.put_down() else _AFTER_FAILURE
        self.put_down()  # once more: what came while the last one ran

    def put_down(self) -> bool:
        """Write it all to the tables; False where they do not take it, and it is kept."""
        with self._mutex:
            reads, self._reads = self._reads, {}
            recalled, self._recalled = self._recalled, {}
            lacking, self._lacking = self._lacking, {}
        try:
            self._book.note_reads(reads)
            for tier in sorted(set(recalled.values())):
                self._book.owe_moves((k for k, to in recalled.items() if to == tier), tier)
            for key, why in lacking.items():
                self._book.owe_repair(key, why)
        except PacsError as error:
            _log.warning("what was read could not be put down", cause=str(error))
            with self._mutex:
                self._reads = reads | self._reads
                self._recalled = recalled | self._recalled
                self._lacking = lacking | self._lacking
                self._due.set()
            return False
        return True
