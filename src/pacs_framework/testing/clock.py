"""The time as the archive sees it, set by a test."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace
from typing import Any

import pytest

from pacs_framework.archive import versions
from pacs_framework.index import recorder

__all__ = ["Clock"]

_START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


class Clock:
    """The wall clock of this process: when instances are received, and when changes are noted.

    It stands still until `advance` or `set`; it begins at 2026-01-02 03:04:05 UTC. An archive
    never gives out a time twice: of instances that come in while the clock stands, or is set back,
    each is received a microsecond after the last. Time-outs of the network run on as they are.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = _START
        monkeypatch.setattr(versions, "time", _Overlaid(time, time_ns=self._nanoseconds))
        shown = SimpleNamespace(now=self._datetime)
        monkeypatch.setattr(recorder, "dt", _Overlaid(dt, datetime=_Overlaid(dt.datetime, shown)))

    @property
    def now(self) -> dt.datetime:
        """The time, in UTC."""
        return self._now

    def set(self, now: dt.datetime) -> None:
        """Set it. Raises ValueError for a time without a time zone."""
        if now.tzinfo is None:
            raise ValueError(f"{now!r} has no time zone")
        self._now = now.astimezone(dt.UTC)

    def advance(self, **duration: float) -> None:
        """Let time pass, in the words of `datetime.timedelta`: ``advance(minutes=5)``."""
        self._now += dt.timedelta(**duration)

    def _nanoseconds(self) -> int:
        since = self._now - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        return since // dt.timedelta(microseconds=1) * 1000

    def _datetime(self, zone: dt.tzinfo | None = None) -> dt.datetime:
        return self._now.astimezone(zone)


class _Overlaid:
    """A module or class of which some names are replaced."""

    def __init__(
        self, original: object, shown: SimpleNamespace | None = None, **names: Any
    ) -> None:
        self._original = original
        self._names = {**vars(shown or SimpleNamespace()), **names}

    def __getattr__(self, name: str) -> Any:
        names = self._names
        return names[name] if name in names else getattr(self._original, name)
