"""Short values whose JSON can be told from their bytes alone.

In a series, UIDs, numbers, dates and times are what differs from header to header. Those that are
as the standard wants them (PS3.5 6.2) are ASCII without anything to escape, and what is left to do
is to leave out their padding. All others are for `pacs_dicomweb.model.values`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["quick_value"]

_NUMBER = rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_uid = re.compile(rb"([0-9.]+)\0?").fullmatch
_moment = re.compile(rb"([0-9.]+) *").fullmatch
_integer = re.compile(rb" *(-?[1-9][0-9]{0,11}|[0-9]{1,12}) *").fullmatch
_numbers = re.compile(rb"(" + _NUMBER + rb"(?:\\" + _NUMBER + rb")*) *").fullmatch


def quick_value(vr: str) -> Callable[[bytes], bytes | None] | None:
    """What gives the JSON array of a value of ``vr``, and None for one that is not so simple."""
    return _QUICK.get(vr)


def _quick_uid(raw: bytes) -> bytes | None:
    found = _uid(raw)
    return b'["%b"]' % found[1] if found else None


def _quick_moment(raw: bytes) -> bytes | None:
    found = _moment(raw)
    return b'["%b"]' % found[1] if found else None


def _quick_integer(raw: bytes) -> bytes | None:
    found = _integer(raw)
    return b"[%d]" % int(found[1]) if found else None


def _quick_numbers(raw: bytes) -> bytes | None:
    found = _numbers(raw)
    return b"[%b]" % found[1].replace(b"\\", b",") if found else None


_QUICK: dict[str, Callable[[bytes], bytes | None]] = {
    "DA": _quick_moment,
    "DS": _quick_numbers,
    "IS": _quick_integer,
    "TM": _quick_moment,
    "UI": _quick_uid,
}
