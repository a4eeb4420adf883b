"""Leaving a place alone for a while after it failed several times in a row."""

from __future__ import annotations

import threading
import time

__all__ = ["Circuit"]

_FAILURES = 3


class Circuit:
    """Opens after three failures in a row; after ``retry_after`` seconds the next one may try."""

    def __init__(self, retry_after: float) -> None:
        self._retry_after = retry_after
        self._mutex = threading.Lock()
        self._failures = 0
        self._again = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the place counts as away."""
        return self._failures >= _FAILURES

    def lets_through(self) -> bool:
        """Whether to try; while it is open, one caller in each ``retry_after`` seconds may."""
        with self._mutex:
            if self._failures < _FAILURES:
                return True
            now = time.monotonic()
            if now < self._again:
                return False
            self._again = now + self._retry_after
            return True

    def succeeded(self) -> bool:
        """Close it; True when it was open."""
        if not self._failures:
            return False
        with self._mutex:
            was_open = self._failures >= _FAILURES
            self._failures = 0
            return was_open

    def failed(self) -> bool:
        """Count a failure; True when it opens with this one."""
        with self._mutex:
            self._failures += 1
            self._again = time.monotonic() + self._retry_after
            return self._failures == _FAILURES
