"""Dates, times and date-times (PS3.5 Table 6.2-1) as strings that sort like the moments they name.

Dates become ``YYYYMMDD``, times ``HHMMSS.ffffff``, date-times both together (21 characters). The
older forms ``YYYY.MM.DD`` and ``HH:MM:SS`` of ACR-NEMA are understood. A value of lower precision
means the start of its span as a single value and as the lower end of a range, and the end of its
span as the upper end: a range up to ``10`` includes 10:59.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

__all__ = [
    "Bounds",
    "date_bounds",
    "datetime_bounds",
    "is_date",
    "is_moment",
    "is_time",
    "normalise_date",
    "normalise_datetime",
    "normalise_time",
    "time_bounds",
]

_date = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})", re.ASCII).fullmatch
_time = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII).fullmatch
_datetime = re.compile(
    r"(\d{4}(?:\d{2}){0,5})(?:\.(\d{1,6}))?([+-]\d{4})?",
    re.ASCII,
).fullmatch

# What stands for the parts that a value leaves out, at the start and at the end of its span.
_TIME_LOW, _TIME_HIGH = "000000.000000", "235959.999999"
_MOMENT_LOW, _MOMENT_HIGH = "00000101000000.000000", "99991231235959.999999"
_EARLIEST_OFFSET, _LATEST_OFFSET = -1200, 1400


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range from ``low`` to ``high``, both inclusive, in normalised form; empty is open."""

    low: str
    high: str

    def hold(self, value: str) -> bool:
        """Whether a normalised value, not empty, lies in the range."""
        return self.low <= value and (not self.high or value <= self.high)


def normalise_date(value: str) -> str:
    """``YYYYMMDD``, or empty when ``value`` is no date."""
    found = _date(value.strip())
    return found[1] + found[3] + found[4] if found else ""


def normalise_time(value: str, *, high: bool = False) -> str:
    """``HHMMSS.ffffff`` with missing parts as their lowest (or highest) value, or empty."""
    found = _time(value.strip())
    if not found:
        return ""
    hours, minutes, seconds, fraction = (part or "" for part in found.groups())
    whole = hours + minutes + seconds
    digits = f"{whole}.{fraction}" if fraction else whole
    return digits + (_TIME_HIGH if high else _TIME_LOW)[len(digits) :]


def is_date(value: str) -> bool:
    """Whether ``value`` is a day of the calendar.

    For those who take values in. `normalise_date`, which has to do with what is stored already,
    takes any digits.
    """
    try:
        dt.date.fromisoformat(normalise_date(value))
    except ValueError:
        return False
    return True


def is_time(value: str) -> bool:
    """Whether ``value`` is a time of some day; a leap second is one (PS3.5 Table 6.2-1)."""
    form = normalise_time(value)
    return bool(form) and form[:2] < "24" and form[2:4] < "60" and form[4:6] <= "60"


def is_moment(value: str) -> bool:
    """Whether ``value`` is a date-time (DT), and no range of them."""
    form = normalise_moment(value)
    return is_date(form[:8]) and is_time(form[8:])


def normalise_datetime(date: str, time: str) -> str:
    """``YYYYMMDDHHMMSS.ffffff`` from a DA and a TM value, 21 characters.

    A missing or unusable time counts as midnight; an unusable date gives the empty string.
    """
    day = normalise_date(date)
    return day + (normalise_time(time) or _TIME_LOW) if day else ""


def _split(key: str) -> tuple[str, str] | None:
    """Both ends of a range key, or None for a key that is no range with at least one end."""
    low, dash, high = (part.strip() for part in key.partition("-"))
    return (low, high) if dash and (low or high) else None


def date_bounds(key: str) -> Bounds | None:
    """The range that a DA key asks for; None when it is no range (PS3.4 C.2.2.2.5.1).

    Raises ValueError when an end of it is no date.
    """
    ends = _split(key)
    if ends is None:
        return None
    return _bounds(ends, normalise_date(ends[0]), normalise_date(ends[1]))


def time_bounds(key: str) -> Bounds | None:
    """The range that a TM key asks for; None when it is no range (PS3.4 C.2.2.2.5.2).

    Raises ValueError when an end of it is no time.
    """
    ends = _split(key)
    if ends is None:
        return None
    return _bounds(ends, normalise_time(ends[0]), normalise_time(ends[1], high=True))


def _bounds(ends: tuple[str, str], low: str, high: str) -> Bounds:
    if any(end and not form for end, form in zip(ends, (low, high), strict=True)):
        raise ValueError("an end of the range is neither a date nor a time")
    return Bounds(low=low, high=high)


def datetime_bounds(key: str) -> Bounds | None:
    """The range that a DT key asks for, a single value being a range of one moment.

    The hyphen of an offset from UTC looks like that of a range: it is an offset where what follows
    it can be one, -1200 to +1400 (PS3.4 C.2.2.2.5.3). None when the key is no date-time.
    """
    key = key.strip()
    single = normalise_moment(key)
    if single:
        return Bounds(low=single, high=single)
    for place in (i for i, character in enumerate(key) if character == "-"):
        ends = key[:place].strip(), key[place + 1 :].strip()
        low, high = normalise_moment(ends[0]), normalise_moment(ends[1], high=True)
        if any(ends) and bool(ends[0]) == bool(low) and bool(ends[1]) == bool(high):
            return Bounds(low=low, high=high)
    return None


def normalise_moment(value: str, *, high: bool = False) -> str:
    """``YYYYMMDDHHMMSS.ffffff`` of a DT value, moved to UTC when it has an offset; or empty.

    A value without offset is taken as it stands: the timezone of an archive's instances is as a
    rule that of those who ask.
    """
    found = _datetime(value.strip())
    if not found:
        return ""
    digits, fraction, offset = found[1], found[2] or "", found[3]
    if fraction:
        if len(digits) < len("YYYYMMDDHHMMSS"):
            return ""
        digits = f"{digits}.{fraction}"
    full = digits + (_MOMENT_HIGH if high else _MOMENT_LOW)[len(digits) :]
    return _to_utc(full, int(offset)) if offset else full


def _to_utc(moment: str, offset: int) -> str:
    """Move a normalised moment by an offset in hours and minutes (``HHMM`` as a number)."""
    if not _EARLIEST_OFFSET <= offset <= _LATEST_OFFSET:
        return ""
    minutes = (abs(offset) // 100 * 60 + abs(offset) % 100) * (1 if offset >= 0 else -1)
    try:
        local = dt.datetime.strptime(moment + "+0000", "%Y%m%d%H%M%S.%f%z")
        moved = local - dt.timedelta(minutes=minutes)
        return moved.strftime("%Y%m%d%H%M%S.%f").zfill(21).zfill(21)
    except (OverflowError, ValueError):
        return ""
