"""What each plugin costs: calls, errors and time, by hook."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

__all__ = ["CallStats", "HookFigures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFigures:
    """The figures of one hook of one plugin at one moment; ``seconds`` is the sum of all calls."""

    plugin: str
    hook: str
    calls: int
    errors: int
    seconds: float


class CallStats:
    """Counters of one hook of one plugin; calls come from many threads."""

    __slots__ = ("_calls", "_errors", "_lock", "_nanoseconds")

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls = 0
        self._errors = 0
        self._nanoseconds = 0

    def count(self, nanoseconds: int) -> None:
        """One call that took this long, however it ended."""
        with self._lock:
            self._calls += 1
            self._nanoseconds += nanoseconds

    def count_error(self) -> None:
        """A call that raised, or that returned what its hook does not know."""
        with self._lock:
            self._errors += 1

    def figures(self, plugin: str, hook: str) -> HookFigures:
        """The counters as they stand."""
        with self._lock:
            return HookFigures(
                plugin=plugin,
                hook=hook,
                calls=self._calls,
                errors=self._errors,
                seconds=self._nanoseconds / 1e9,
            )
