"""Threads that requests are worked on in: as many as are needed at once, and no more than told."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

__all__ = ["RequestThreads", "Work"]

_T = TypeVar("_T")

Work = Callable[[], Callable[[], object]]
"""What is done in a thread; what it returns is called last, when the thread is free for the next.

Whoever is woken by that and has more to do finds this thread, and does not contend with it.
"""

_log = structlog.get_logger(__name__)


class RequestThreads:
    """Runs work in threads that are kept for the next. Whoever submits sees to the bound.

    They are daemons: a handler that hangs must not keep the archive from ending.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._threads: set[threading.Thread] = set()
        self._closed = False

    def submit(self, work: Work) -> None:
        """Run ``work`` in one of the threads."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                thread = threading.Thread(target=self._run, name="http-request", daemon=True)
                self._threads.add(thread)
                thread.start()
        self._work.put(work)

    def close(self, seconds: float) -> None:
        """Let the threads end, and wait so long for those that are at work."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        for _ in threads:
            self._work.put(None)
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            tell = _guarded(work)
            del work  # nothing of a request stays alive until the next one
            with self._lock:
                is_last = self._closed  # what was put in for this thread stays for nobody
                if not is_last:
                    self._idle += 1
            if tell is not None:
                _guarded(tell)
            del tell
            if is_last:
                return


def _guarded(work: Callable[[], _T]) -> _T | None:
    """What ``work`` returns; the thread is there for the next one, whatever it raises."""
    try:
        return work()
    except Exception:  # noqa: BLE001 - see above
        _log.exception("a request ended its thread's work badly")
        return None
