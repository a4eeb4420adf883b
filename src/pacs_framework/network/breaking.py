"""Associations of a plugin's own threads, which end when the archive does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pacs_framework.network.association import outgoing_calls
from pacs_framework.network.wire import Calls

__all__ = ["Breakable"]


class Breakable:
    """What threads open within `breakable` ends when `stop` is called, or is never opened.

    ``stopping`` says which it was: a peer that went away, or this side.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._lock = threading.Lock()
        self._calls: set[Calls] = set()

    def stop(self) -> None:
        """Break off what waits for another node, which may not answer for long."""
        with self._lock:
            self.stopping = True
            calls = list(self._calls)
        for each in calls:
            each.break_off()

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """Associations that this thread opens within can be broken off by `stop`."""
        calls = Calls()
        with self._lock:
            self._calls.add(calls)
            if self.stopping:
                calls.break_off()
        before = outgoing_calls.set(calls)
        try:
            yield
        finally:
            outgoing_calls.reset(before)
            with self._lock:
                self._calls.discard(calls)
