"""When a hook of a plugin fails again and again, it is left alone for a while.

::

    closed ── failures in a row ──► open ── retry_after ──► half open ── it succeeds ──► closed
                                     ▲                          │
                                     └──── the trial fails ─────┘

One circuit for each hook that decides or is notified, not one for each plugin: a hook that works
must not hide one that fails, and one that fails must not take a working one out of service.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_STUCK", "Circuit", "CircuitFigures", "CircuitState"]

log = structlog.get_logger(__name__)

MOST_STUCK = 32
"""Calls of one hook that were given up on and have not returned; one more is not made."""

_LONGEST_PAUSE = 3600.0  # seconds, unless retry_after is longer


class CircuitState(StrEnum):
    """Whether a hook is called: yes; not now; by one call, to see whether it works again."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitFigures:
    """A circuit at one moment.

    ``since`` is when it opened (UTC, ISO 8601; empty while it is closed), ``failures`` how many
    calls in a row have failed, ``stuck`` how many were given up on and are still running.
    ``optional`` says that the archive does without the plugin while the circuit is open.
    """

    plugin: str
    hook: str
    state: CircuitState
    since: str
    failures: int
    stuck: int
    optional: bool


class Circuit:
    """The circuit of one hook of one plugin; asked from many threads.

    ``failures`` in a row open it, 0 never does. ``retry_after`` are the seconds until one call is
    tried. They double with each call that was given up on and still runs: such a thread cannot be
    ended, so a hook that hangs for good must not be given one more every half minute.
    """

    def __init__(
        self,
        plugin: str,
        hook: str,
        *,
        failures: int,
        retry_after: float,
        while_open: str = "",
        optional: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._plugin = plugin
        self._hook = hook
        self._most = failures
        self._retry_after = retry_after
        self._while_open = while_open
        self._clock = clock
        self._lock = Lock()
        self._state = CircuitState.CLOSED
        self._failures = 0
        self._stuck = 0
        self._opened = 0.0
        self._since: dt.datetime | None = None
        self.optional = optional

    def admits(self) -> bool:
        """Whether the hook may be called now; the trial of an open circuit is given out once."""
        if self._state is CircuitState.CLOSED and self._stuck < MOST_STUCK:
            return True
        with self._lock:
            if self._state is not CircuitState.OPEN or self._time_left() > 0:
                return False
            self._state = CircuitState.HALF_OPEN
        log.info("plugin circuit tries one call", plugin=self._plugin, hook=self._hook)
        return True

    def time_left(self) -> float:
        """Seconds until a call would be admitted; 0 where it is."""
        with self._lock:
            return self._time_left() if self._state is CircuitState.OPEN else 0.0

    def succeeded(self) -> None:
        """A call ended well."""
        if not self._failures:
            return
        with self._lock:
            if self._state is CircuitState.OPEN:
                return  # it began before the others failed, and says nothing about now
            was, self._state = self._state, CircuitState.CLOSED
            self._failures = 0
            self._since = None
        if was is CircuitState.HALF_OPEN:
            log.info("plugin circuit closed", plugin=self._plugin, hook=self._hook)

    def failed(self) -> None:
        """A call raised, ran over its time, or gave no answer that its hook knows."""
        with self._lock:
            self._failures += 1
            failures, was = self._failures, self._state
            if was is CircuitState.OPEN or not 0 < self._most <= failures:
                return
            self._state = CircuitState.OPEN
            self._opened = self._clock()
            if was is CircuitState.CLOSED:
                self._since = dt.datetime.now(dt.UTC)
        if was is CircuitState.HALF_OPEN:
            log.warning("plugin circuit stays open", plugin=self._plugin, hook=self._hook)
            return
        log.error(
            "plugin circuit opened",
            plugin=self._plugin,
            hook=self._hook,
            failures=failures,
            retry_after=self._retry_after,
            until_then=self._while_open,
        )

    def gave_up(self) -> None:
        """A call ran over its time and nobody waits for it any more."""
        with self._lock:
            self._stuck += 1

    def came_back(self) -> None:
        """A call that was given up on has returned."""
        with self._lock:
            self._stuck -= 1

    def figures(self) -> CircuitFigures:
        """The circuit as it stands."""
        with self._lock:
            return CircuitFigures(
                plugin=self._plugin,
                hook=self._hook,
                state=self._state,
                since="" if self._since is None else self._since.isoformat(timespec="seconds"),
                failures=self._failures,
                stuck=self._stuck,
                optional=self.optional,
            )

    def _time_left(self) -> float:
        if self._stuck >= MOST_STUCK:
            return self._retry_after  # not before one of them returns
        pause = self._retry_after * 2.0**self._stuck
        due = self._opened + max(self._retry_after, min(pause, _LONGEST_PAUSE))
        return max(0.0, due - self._clock())
