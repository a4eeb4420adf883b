"""Hours of the day in which something may be done, on the clock of this machine.

For settings of plugins that do something off-peak, such as calling peers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Hours", "checked_hours", "hours_of", "next_opening"]

_hours = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``begin`` to ``end``, the minute of ``end`` not included; over midnight where it is
    earlier.
    """

    begin: dt.time
    end: dt.time

    @classmethod
    def parse(cls, text: str) -> Hours:
        """From ``20:00-06:00``. Raises ValueError."""
        match = _hours(text.strip())
        if match is None:
            raise ValueError(f'{text!r} are no hours: write "20:00-06:00"')
        begin, end = (dt.time(int(match[n]), int(match[n + 1])) for n in (1, 3))
        if begin == end:
            raise ValueError(f"{text!r} has no length: leave it out where any time will do")
        return cls(begin, end)

    def hold(self, time: dt.time) -> bool:
        """Whether ``time`` is within."""
        if self.begin < self.end:
            return self.begin <= time < self.end
        return time >= self.begin or time < self.end


def hours_of(texts: Iterable[str]) -> tuple[Hours, ...]:
    """What a setting says. Raises ValueError."""
    return tuple(Hours.parse(text) for text in texts)


def checked_hours(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The same ``texts``, for the validator of a setting. Raises ValueError."""
    hours_of(texts)
    return texts


def next_opening(hours: Sequence[Hours], at: dt.datetime) -> dt.datetime | None:
    """When the next of ``hours`` begin after ``at``; None where it is in some, or there are none.

    ``at`` and the answer have a time zone, whose wall clock counts.
    """
    if not hours or any(each.hold(at.time()) for each in hours):
        return None
    openings = (_on(at, each.begin, days) for each in hours for days in (0, 1))
    return min(opening for opening in openings if opening > at)


def _on(at: dt.datetime, time: dt.time, days: int) -> dt.datetime:
    day = at.date() + dt.timedelta(days=days)
    return dt.datetime.combine(day, time, tzinfo=at.tzinfo)
