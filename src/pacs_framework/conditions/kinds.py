"""What values of a value representation (VR) are, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pacs_framework.conditions import literals
from pacs_framework.dicom.matching import matches_value, normalise_date, normalise_time
from pacs_framework.dicom.moments import normalise_moment

__all__ = [
    "AGE",
    "DATE",
    "MOMENT",
    "NAME",
    "NUMBER",
    "OPAQUE",
    "SEQUENCE",
    "TEXT",
    "TIME",
    "UNIQUE",
    "Kind",
    "kind_of_vr",
]


def _same(first: Any, second: Any) -> bool:
    return bool(first == second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A sort of value; ``name`` tells it in messages, as ``a date``.

    ``literal`` reads what a condition says, text or, where ``numeric``, a number; it raises
    ValueError with what to write instead. ``value`` reads what an instance says, None for what is
    none of the kind. What both give is compared by ``equal`` and, where ``ordered``, by size.
    ``cyclic``: after the last one comes the first, as with the hours of a day. ``as_text``:
    ``matches`` and ``contains`` look at the value as it is written. Without ``literal`` only
    ``exists`` can be asked. Two kinds of one name are the same.
    """

    name: str
    literal: Callable[[Any], Any] | None = field(default=None, compare=False)
    numeric: bool = field(default=False, compare=False)
    value: Callable[[str], Any] = field(default=str, compare=False)
    equal: Callable[[Any, Any], bool] = field(default=_same, compare=False)
    ordered: bool = field(default=False, compare=False)
    cyclic: bool = field(default=False, compare=False)
    as_text: bool = field(default=True, compare=False)


def _same_name(value: str, wanted: str) -> bool:
    """As PS3.4 C.2.2.2 has it for person names: case does not count, nor do empty components."""
    return matches_value("PN", wanted, value)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _or_none(reading: Callable[[str], str], value: str) -> str | None:
    return reading(value) or None


# Functions of modules, none of their own: kinds go to other processes with conditions.
TEXT = Kind(name="text", literal=literals.text)
"""Text of any VR, where case counts."""
NAME = Kind(name="a name", literal=literals.name, equal=_same_name)
"""Names of persons (PN), where case does not count (PS3.4 C.2.2.2)."""
UNIQUE = Kind(name="a UID", literal=literals.uid)
"""UIDs, said as such or by keyword: ``"CTImageStorage"``."""
NUMBER = Kind(
    name="a number", literal=float, numeric=True, value=_number, ordered=True, as_text=False
)
"""Numbers, binary or as text."""
DATE = Kind(
    name="a date", literal=literals.date, value=partial(_or_none, normalise_date), ordered=True
)
"""Days: ``"2026-11-22"`` or ``"20261122"``."""
TIME = Kind(
    name="a time of day",
    literal=literals.time,
    value=partial(_or_none, normalise_time),
    ordered=True,
    cyclic=True,
)
"""Times of day: ``"18:00"``."""
MOMENT = Kind(
    name="a date and time",
    literal=literals.moment,
    value=partial(_or_none, normalise_moment),
    ordered=True,
)
AGE = Kind(name="an age", literal=literals.age, value=literals.days_of_age, ordered=True)
SEQUENCE = Kind(name="a sequence", as_text=False)
OPAQUE = Kind(name="neither text nor a number", as_text=False)

_BY_VR = {
    **dict.fromkeys(("DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"), NUMBER),
    **dict.fromkeys(("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"), TEXT),
    "PN": NAME,
    "UI": UNIQUE,
    "DA": DATE,
    "TM": TIME,
    "DT": MOMENT,
    "AS": AGE,
    "SQ": SEQUENCE,
    "US or SS": NUMBER,
}


def kind_of_vr(vr: str) -> Kind:
    """How values of a VR (PS3.5 6.2) are compared."""
    return _BY_VR.get(vr, OPAQUE)
