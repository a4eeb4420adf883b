"""One fdatasync for all threads that wait for one."""

from __future__ import annotations

import os
import threading

__all__ = ["SharedSync"]


class SharedSync:
    """Syncs one file. A sync that fails is never tried again: what it lost cannot be known."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._mutex = threading.Lock()
        self._queue: list[_Turn] = []
        self._led = False
        self.broken: OSError | None = None

    def wait(self) -> None:
        """Return when everything that this thread wrote before is durable. Raises OSError."""
        turn = _Turn()
        with self._mutex:
            self._queue.append(turn)
            leads, self._led = not self._led, True
        if not leads:
            turn.lock.acquire()
        if not turn.done:
            self._lead()
        if self.broken is not None:
            raise OSError(self.broken.errno, self.broken.strerror)

    def _lead(self) -> None:
        """Sync for all that wait by now, then let the first of those that came since lead."""
        with self._mutex:
            batch, self._queue = self._queue, []
        if self.broken is None:
            try:
                os.fdatasync(self._handle)
            except OSError as error:
                self.broken = error
        with self._mutex:
            following = self._queue[0] if self._queue else None
            self._led = following is not None
        for turn in batch:
            turn.done = True
            turn.lock.release()
        if following is not None:
            following.lock.release()


class _Turn:
    """A thread that waits; ``lock`` is released when it is done, or when it is to lead."""

    __slots__ = ("done", "lock")

    def __init__(self) -> None:
        self.done = False
        self.lock = threading.Lock()
        self.lock.acquire()
