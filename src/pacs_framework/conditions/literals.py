"""Values as conditions write them. All raise ValueError that goes on from the value."""

from __future__ import annotations

import re

import pydicom.uid
from pydicom.uid import UID

from pacs_framework.dicom.matching import normalise_date, normalise_person_name, normalise_time
from pacs_framework.dicom.moments import is_date, is_moment, is_time, normalise_moment
from pacs_framework.dicom.uids import is_valid_uid

__all__ = [
    "age",
    "date",
    "days_of_age",
    "moment",
    "name",
    "name_pattern",
    "part",
    "pattern",
    "text",
    "time",
    "uid",
]

_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
_age = re.compile(r"(\d{1,3})([DWMY])", re.ASCII).fullmatch
_PUNCTUATION = str.maketrans("", "", "-:T ")
_EMPTY = "is empty, which no value is: write exists, or not … exists"


def text(literal: str) -> str:
    """Text without wildcards, and without spaces around it, as values have none."""
    if "*" in literal or "?" in literal:
        raise ValueError("has wildcards, which = and in do not know: write matches or contains")
    return _not_empty(literal)


def name(literal: str) -> str:
    """A name of a person, which has at least one component."""
    if not normalise_person_name(text(literal)):
        raise ValueError('is no name: write "Doe^John"')
    return text(literal)


def pattern(literal: str) -> str:
    """Text with wildcards (PS3.4 C.2.2.2.4), of which there are two."""
    if "[" in literal:
        raise ValueError("has a bracket: wildcards are * and ? alone. Write contains, or in")
    return _not_empty(literal)


def name_pattern(literal: str) -> str:
    """The same for names of persons; what has no component would match every one."""
    if not normalise_person_name(pattern(literal)):
        raise ValueError('is no name: write "Doe*"')
    return pattern(literal)


def part(literal: str) -> str:
    """What text may have in it, in small letters; spaces around it count."""
    if not literal:
        raise ValueError(_EMPTY)
    return literal.casefold()


def _not_empty(literal: str) -> str:
    if not literal.strip(" "):
        raise ValueError(_EMPTY)
    return literal.strip(" ")


def uid(literal: str) -> str:
    """A UID, also said by its keyword in the standard, as ``CTImageStorage``."""
    word = text(literal)
    found = word if is_valid_uid(word) else getattr(pydicom.uid, word, None)
    if found == word or isinstance(found, UID):
        return str(found)
    raise ValueError("is neither a UID nor the keyword of one, such as CTImageStorage")


def date(literal: str) -> str:
    """A date, ``YYYYMMDD``."""
    day = literal.translate(_PUNCTUATION)
    if not is_date(day):
        raise ValueError('is no date: write "2026-11-22"')
    return normalise_date(day)


def time(literal: str) -> str:
    """A time of day, ``HHMMSS.ffffff``."""
    if not is_time(literal):
        raise ValueError('is no time of day: write "18:00"')
    return normalise_time(literal)


def moment(literal: str) -> str:
    """A date and a time, ``YYYYMMDDHHMMSS.ffffff``."""
    digits = literal.translate(_PUNCTUATION)
    if not is_moment(digits):
        raise ValueError('is no date and time: write "2026-11-22 18:00"')
    return normalise_moment(digits)


def age(literal: str) -> float:
    """An age in days, of an Age String (PS3.5 6.2)."""
    days = days_of_age(literal)
    if days is None:
        raise ValueError('is no age: write "018Y", or M, W or D for months, weeks or days')
    return days


def days_of_age(value: str) -> float | None:
    """The same of a value; None where it is no age."""
    match = _age(value.strip())
    return int(match[1]) * _DAYS[match[2]] if match else None
