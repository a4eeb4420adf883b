"""An event that also calls those who cannot wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Cancellation"]


class Cancellation(threading.Event):
    """Set when work is to end; see `JobContext.on_cancel`."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.RLock()  # reentrant: who is called may set it once more
        self._calls: list[Callable[[], object]] = []

    def set(self) -> None:
        """Set it, and call those who asked for that; nobody twice."""
        with self._guard:
            super().set()
            calls, self._calls = self._calls, []
            for call in calls:
                call()

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Within this, ``call`` is called when it is set; afterwards not, nor is it running."""
        with self._guard:
            self._calls.append(call)
            if self.is_set():
                self.set()
        try:
            yield
        finally:
            with self._guard:
                self._calls = [each for each in self._calls if each is not call]
