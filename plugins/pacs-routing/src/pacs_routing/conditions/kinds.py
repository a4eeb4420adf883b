"""What values of a value representation (VR) are, and how they are compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydicom.uid
from pydicom.uid import UID

from pacs_framework.dicom.matching import (
    matches_value,
    normalise_date,
    normalise_time,
)
from pacs_framework.dicom.moments import is_date, is_moment, is_time, normalise_moment
from pacs_framework.dicom.uids import is_valid_uid

__all__ = [
    "AGE",
    "DATE",
    "NAME",
    "OPAQUE",
    "SEQUENCE",
    "TEXT",
    "TIME",
    "UNIQUE",
    "WEEKDAY",
    "WEEKDAYS",
    "Kind",
    "kind_of_vr",
]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
_age = re.compile(r"(\d{1,3})([DWMY])", re.ASCII).fullmatch
_PUNCTUATION = str.maketrans("", "", "-:T ")


def _same(first: Any, second: Any) -> bool:
    return bool(first == second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A sort of value.

    ``literal`` reads what a condition says, text or, where ``numeric``, a number; it raises
    ValueError with what to write instead. ``value`` reads what an instance says, None for what is
    none of the kind. What both give is compared by ``equal`` and, where ``ordered``, by size.
    ``cyclic``: after the last one comes the first, as with the hours of a day. ``wildcards``:
    ``matches`` makes sense. Without ``literal`` only ``exists`` does.
    """

    name: str
    literal: Callable[[Any], Any] | None = None
    numeric: bool = False
    value: Callable[[str], Any] = str
    equal: Callable[[Any, Any], bool] = _same
    ordered: bool = False
    cyclic: bool = False
    wildcards: bool = False


def _text(literal: str) -> str:
    if "*" in literal or "?" in literal:
        raise ValueError("has wildcards, which = and in do not know: write matches")
    return literal.strip(" ")


def _uid(literal: str) -> str:
    """A UID, also said by its keyword in the standard, as ``CTImageStorage``."""
    word = _text(literal)
    found = word if is_valid_uid(word) else getattr(pydicom.uid, word, None)
    if found == word or isinstance(found, UID):
        return str(found)
    raise ValueError("is neither a UID nor the keyword of one, such as CTImageStorage")


def _number_of(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _date(literal: str) -> str:
    day = literal.translate(_PUNCTUATION)
    if not is_date(day):
        raise ValueError('is no date: write "2026-11-22"')
    return normalise_date(day)


def _time(literal: str) -> str:
    if not is_time(literal):
        raise ValueError('is no time of day: write "18:00"')
    return normalise_time(literal)


def _moment(literal: str) -> str:
    moment = literal.translate(_PUNCTUATION)
    if not is_moment(moment):
        raise ValueError('is no date and time: write "2026-11-22 18:00"')
    return normalise_moment(moment)


def _age_of(value: str) -> float | None:
    """In days."""
    match = _age(value.strip())
    return int(match[1]) * _DAYS[match[2]] if match else None


def _literal_age(literal: str) -> float:
    days = _age_of(literal)
    if days is None:
        raise ValueError('is no age: write "018Y", or M, W or D for months, weeks or days')
    return days


def _weekday(literal: str) -> str:
    if literal not in WEEKDAYS:
        raise ValueError(f"is no day of the week: write one of {', '.join(WEEKDAYS)}")
    return literal


def _same_name(value: str, wanted: str) -> bool:
    """As PS3.4 C.2.2.2 has it for person names: case does not count, nor do empty components."""
    return matches_value("PN", wanted, value)


def _or_none(reading: Callable[[str], str]) -> Callable[[str], str | None]:
    return lambda value: reading(value) or None


TEXT = Kind(name="text", literal=_text, wildcards=True)
NAME = Kind(name="a name", literal=_text, equal=_same_name, wildcards=True)
UNIQUE = Kind(name="a UID", literal=_uid, wildcards=True)
NUMBER = Kind(name="a number", literal=float, numeric=True, value=_number_of, ordered=True)
DATE = Kind(name="a date", literal=_date, value=_or_none(normalise_date), ordered=True)
TIME = Kind(
    name="a time of day", literal=_time, value=_or_none(normalise_time), ordered=True, cyclic=True
)
MOMENT = Kind(
    name="a date and time", literal=_moment, value=_or_none(normalise_moment), ordered=True
)
AGE = Kind(name="an age", literal=_literal_age, value=_age_of, ordered=True)
WEEKDAY = Kind(name="a day of the week", literal=_weekday)
SEQUENCE = Kind(name="a sequence")
OPAQUE = Kind(name="bytes")

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
    """How values of a VR are compared."""
    return _BY_VR.get(vr, OPAQUE)
