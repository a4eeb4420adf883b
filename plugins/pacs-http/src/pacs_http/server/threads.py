"""Threads that requests are worked on in: as many as are needed at once, and no more than told."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import structlog

__all__ = ["RequestThreads"]

_log = structlog.get_logger(__name__)


class RequestThreads:
    """Runs work in threads that are kept for the next. Whoever submits sees to the bound.

    They are daemons: a handler that hangs must not keep the archive from ending.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._threads: set[threading.Thread] = set()
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
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
            try:
                work()
            except Exception:  # noqa: BLE001 - the thread is there for the next one
                _log.exception("a request ended its thread's work badly")
            del work  # nothing of a request stays alive until the next one
            with self._lock:
                if self._closed:
                    return  # what was put in for it stays for nobody
                self._idle += 1
