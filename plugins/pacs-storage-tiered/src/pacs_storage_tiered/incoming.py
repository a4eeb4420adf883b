"""One object on its way into one place, in threads of that place."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_framework.storage import ObjectWriter
    from pacs_storage_tiered.naming import Key
    from pacs_storage_tiered.places import Place

__all__ = ["Incoming", "State"]

_log = structlog.get_logger(__name__)


class State(Enum):
    """How far it has come."""

    WAITING = auto()
    BEGUN = auto()
    COMMITTED = auto()
    FAILED = auto()
    UNDONE = auto()


class Incoming:
    """Takes steps and does them one after the other; a thread is held only while there are some.

    ``changed`` is notified after each step. ``error`` is why it failed.
    """

    def __init__(
        self, place: Place, key: Key, size: int | None, changed: threading.Condition
    ) -> None:
        self.place = place
        self.state = State.WAITING
        self.error: Exception | None = None
        self.unwritten = 0
        self._key = key
        self._size = size
        self._changed = changed
        self._steps: deque[Callable[[], None]] = deque()
        self._running = False
        self._tried_commit = False
        self._writer: ObjectWriter | None = None
        self._put(self._begin)

    @property
    def is_idle(self) -> bool:
        """Whether every step so far was done."""
        return not self._running

    def write(self, block: bytes) -> None:
        """Hand over bytes; they are written in their turn."""
        with self._changed:
            self.unwritten += len(block)
        self._put(lambda: self._write(block))

    def commit(self) -> None:
        """Make it durable and visible there, in its turn."""
        self._put(self._commit)

    def undo(self) -> None:
        """Leave nothing there, in its turn."""
        self._put(self._undo)

    def give_up(self, error: Exception) -> None:
        """Count it as failed, though a commit that is under way may still come to its end."""
        with self._changed:
            self.error = error
        self._put(self._drop)

    def _put(self, step: Callable[[], None]) -> None:
        with self._changed:
            self._steps.append(step)
            if self._running:
                return
            self._running = True
        self.place.submit(self._run)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._steps:
                    self._running = False
                    self._changed.notify_all()
                    return
                step = self._steps.popleft()
            try:
                step()
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it is told
                self._failed(error)
            with self._changed:
                self._changed.notify_all()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, PacsError):
            _log.exception("a place broke its contract", place=self.place.name)
        with suppress(Exception):
            if self._writer is not None:
                self._writer.abort()
        with self._changed:
            self.error = self.error or error
            self.state = State.FAILED

    def _begin(self) -> None:
        with self.place.writing():
            self._writer = self.place.backend.begin(self.place.key_of(self._key), size=self._size)
        self.state = State.BEGUN

    def _write(self, block: bytes) -> None:
        try:
            if self._writer is not None and self.state is State.BEGUN:
                with self.place.writing():
                    self._writer.write(block)
        finally:
            with self._changed:
                self.unwritten -= len(block)

    def _commit(self) -> None:
        if self._writer is None or self.state is not State.BEGUN or self.error is not None:
            return
        self._tried_commit = True
        with self.place.writing():
            self._writer.commit()
        self.state = State.COMMITTED

    def _drop(self) -> None:
        """What is committed late is right: whoever repairs the place finds it, and leaves it."""
        if self._writer is not None and not self._tried_commit:
            self._writer.abort()

    def _undo(self) -> None:
        """After a commit that failed, too: it may have been done all the same."""
        if self.state is State.UNDONE:
            return
        try:
            if self._writer is not None:
                self._writer.abort()
            if self._tried_commit:
                self.place.delete(self._key)
        finally:
            self.state = State.FAILED
        self.state = State.UNDONE
