"""Short values whose JSON can be told from their bytes alone.

In a series, UIDs, numbers, dates and times are what differs from header to header. Those that are
as the standard wants them (PS3.5 6.2) are ASCII without anything to escape, and what is left to do
is to leave out their padding; binary numbers mostly stand alone. All others are for
`pacs_dicomweb.model.values`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from struct import Struct

from pacs_dicomweb.model.values import NUMBER_FORMATS, floating

__all__ = ["quick_value"]

_NUMBER = rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_DOTTED = b"0123456789."
_LONGEST_INTEGER = 12  # digits
_negative = re.compile(rb"-[1-9][0-9]{0,11}").fullmatch
_numbers = re.compile(rb"(" + _NUMBER + rb"(?:\\" + _NUMBER + rb")*) *").fullmatch


def quick_value(vr: str, *, little: bool) -> Callable[[bytes], bytes | None] | None:
    """What gives the JSON array of a value of ``vr``, and None for one that is not so simple."""
    if vr in NUMBER_FORMATS:
        return partial(_quick_binary, Struct(("<" if little else ">") + NUMBER_FORMATS[vr]))
    return _QUICK.get(vr)


def _quick_binary(number: Struct, raw: bytes) -> bytes | None:
    if len(raw) != number.size:
        return None
    (found,) = number.unpack(raw)
    return b"[%b]" % floating(found).encode() if isinstance(found, float) else b"[%d]" % found


def _quick_uid(raw: bytes) -> bytes | None:
    return _quick_dotted(raw.removesuffix(b"\0"))


def _quick_moment(raw: bytes) -> bytes | None:
    return _quick_dotted(raw.rstrip(b" "))


def _quick_dotted(text: bytes) -> bytes | None:
    if not text or text.translate(None, _DOTTED):  # in half the time of a regular expression
        return None
    return b'["%b"]' % text


def _quick_integer(raw: bytes) -> bytes | None:
    text = raw.strip(b" ")
    if text.isdigit() and len(text) <= _LONGEST_INTEGER:
        return b"[%d]" % int(text)
    return b"[%b]" % text if _negative(text) else None


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
