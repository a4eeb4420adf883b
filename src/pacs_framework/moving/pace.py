"""How fast the other archive is asked to send, so that it can do its daily work as well."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

__all__ = ["Pace"]


@dataclass(slots=True, kw_only=True)
class Pace:
    """A ``pause`` in seconds before each study but the first, and ``rate`` instances a second.

    The rate holds on average, over all studies: how fast a study comes is up to the peer, and the
    next one is put off by what it came too fast. None for no limit.
    """

    pause: float = 0.0
    rate: float | None = None
    _due: float = field(default=0.0, init=False)
    _mutex: threading.Lock = field(default_factory=threading.Lock, init=False)

    def wait(self, stop: threading.Event) -> bool:
        """Wait for the turn of a study; False when it was stopped meanwhile."""
        with self._mutex:
            now = time.monotonic()
            turn = max(now, self._due)
            self._due = turn + self.pause
        return not stop.wait(turn - now)

    def took(self, instances: int) -> None:
        """So many came with a study."""
        if self.rate:
            with self._mutex:
                self._due = max(self._due, time.monotonic()) + instances / self.rate
