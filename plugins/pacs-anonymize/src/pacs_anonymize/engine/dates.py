"""Dates and times moved by whole days (PS3.15 E.3.6, Modified Dates Option).

All dates of a patient move by the same number of days, so every interval stays what it is, also
between studies. The time of day stays: to move it as well, the date that goes with it has to move
along when midnight is passed, and which that is, is not always known; one wrong pair would break an
interval. A month or year alone has no day to move and becomes a dummy, as does what is no date,
and what lies before 1900, where software keeps what a date is not.
"""

from __future__ import annotations

import datetime as dt
import re

__all__ = ["shifted_date", "shifted_datetime", "shifted_time", "shifted_timestamp"]

_EARLIEST = dt.date(1900, 1, 1)
_DAY_SECONDS = 86400
_PTP_BYTES = 10

_date = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})", re.ASCII).fullmatch
_datetime = re.compile(r"(\d{8})((?:\d{2}){0,3}(?:\.\d{1,6})?)([+-]\d{4})?", re.ASCII).fullmatch
_time = re.compile(r"\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?", re.ASCII).fullmatch


def shifted_date(value: str, days: int) -> str | None:
    """A DA value moved, also one with points, as ACR-NEMA wrote it; None for what cannot move."""
    found = _date(value)
    if found is None:
        return None
    try:
        date = dt.date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None
    if date < _EARLIEST:
        return None
    return (date + dt.timedelta(days=days)).strftime("%Y%m%d")


def shifted_datetime(value: str, days: int) -> str | None:
    """A DT value moved; time, fraction and offset from UTC stay. None for a month or a year."""
    found = _datetime(value)
    date = shifted_date(found[1], days) if found else None
    return f"{date}{found[2]}{found[3] or ''}" if found and date else None


def shifted_time(value: str) -> str | None:
    """A TM value as it is; None for what is none."""
    return value if _time(value) else None


def shifted_timestamp(value: bytes, days: int) -> bytes | None:
    """A PTP timestamp moved (Frame Origin Timestamp (0034,0007)): 48 bits of seconds, then 32 of
    nanoseconds, most significant first. None for what is none.
    """
    if len(value) != _PTP_BYTES:
        return None
    seconds = int.from_bytes(value[:6]) + days * _DAY_SECONDS
    return seconds.to_bytes(6) + value[6:] if seconds > 0 else None
