"""What each plugin costs: calls, errors and time, by hook; and what it does at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from threading import Lock
from time import perf_counter_ns

__all__ = ["CallStats", "HookFigures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFigures:
    """The figures of one hook of one plugin at one moment.

    ``errors`` counts calls that raised, gave no usable answer, or ran over their time; ``overruns``
    the last of these alone. ``seconds`` is the sum of all calls that have ended. ``last_error`` is
    the kind of the last error, never its message. ``running`` counts calls in progress, the oldest
    of them for ``running_seconds``, and ``overdue`` those among them that have run over their time.
    """

    plugin: str
    hook: str
    calls: int
    errors: int
    seconds: float
    overruns: int = 0
    last_error: str = ""
    running: int = 0
    running_seconds: float = 0.0
    overdue: int = 0


class CallStats:
    """Counters of one hook of one plugin; calls come from many threads."""

    __slots__ = (
        "_calls",
        "_errors",
        "_last_error",
        "_lock",
        "_nanoseconds",
        "_overruns",
        "_running",
        "_tokens",
        "limit",
    )

    def __init__(self, limit: float = 0.0) -> None:
        self.limit = limit
        self._lock = Lock()
        self._tokens = count()
        self._running: dict[int, int] = {}  # token → start, in nanoseconds
        self._calls = 0
        self._errors = 0
        self._overruns = 0
        self._last_error = ""
        self._nanoseconds = 0

    def begin(self) -> int:
        """A call begins; the token is for `end`."""
        token = next(self._tokens)
        self._running[token] = perf_counter_ns()
        return token

    def end(self, token: int) -> None:
        """The call has ended, however it did."""
        now = perf_counter_ns()
        with self._lock:
            self._calls += 1
            self._nanoseconds += now - self._running.pop(token)

    def count_error(self, kind: str) -> None:
        """A call that raised ``kind``, or that returned what its hook does not know."""
        with self._lock:
            self._errors += 1
            self._last_error = kind

    def count_overrun(self) -> None:
        """A call that ran over its time; it counts as a call when it ends, if ever."""
        with self._lock:
            self._errors += 1
            self._overruns += 1
            self._last_error = "overrun"

    def figures(self, plugin: str, hook: str) -> HookFigures:
        """The counters as they stand."""
        # A copy in one step: `begin` takes no lock, so that a call costs only one.
        running = list(self._running.copy().values())
        now = perf_counter_ns()
        ages = [(now - started) / 1e9 for started in running]
        with self._lock:
            return HookFigures(
                plugin=plugin,
                hook=hook,
                calls=self._calls,
                errors=self._errors,
                seconds=self._nanoseconds / 1e9,
                overruns=self._overruns,
                last_error=self._last_error,
                running=len(ages),
                running_seconds=max(ages, default=0.0),
                overdue=sum(1 for age in ages if self.limit and age > self.limit),
            )
