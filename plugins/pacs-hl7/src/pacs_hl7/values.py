"""Values of HL7 data types as DICOM writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydicom import Dataset

from pacs_hl7.paths import NOTHING, Found

__all__ = ["KINDS", "Value", "code_item"]

Value = str | Dataset
"""Text as in an attribute (several values with a backslash between), or the item of a sequence."""

_MOMENT = re.compile(r"(\d{4,14})(\.\d{1,6})?(?:[+-]\d{4})?")
_GROUPS = {"A": 0, "": 0, "I": 1, "P": 2}  # XPN.8 → component group of PN (PS3.5 6.2.1)
_LONGEST_CODE = 16  # SH of Code Value (0008,0100)


def _text(found: Found, component: int, sub: int) -> str:
    """A component; line breaks stay, for the attributes that may have them."""
    return found.text(component or 1, sub)


def _date(found: Found, component: int, sub: int) -> str:
    """DA of a TS or DTM, as it is written: a time zone does not move it."""
    digits = _moment(found.text(component or 1, sub))[0]
    return digits[:8] if len(digits) >= 8 else ""


def _time(found: Found, component: int, sub: int) -> str:
    """TM of a TS or DTM; empty where it is a day alone."""
    digits, fraction = _moment(found.text(component or 1, sub))
    return digits[8:] + (fraction if len(digits) == 14 else "")


def _moment(text: str) -> tuple[str, str]:
    if text == NOTHING:
        return "", ""
    match = _MOMENT.fullmatch(text)
    if match is None or len(match[1]) % 2:
        raise ValueError("is no time stamp (YYYYMMDDHHMM)")
    return match[1], match[2] or ""


def _person_name(found: Found, component: int, sub: int) -> str:
    """PN of an XPN: each representation (XPN.8) of the same name is a component group."""
    del component, sub
    groups = ["", "", ""]
    for repetition in found.repetitions:
        parts = found.message.components(repetition)
        place = _GROUPS.get(parts[7] if len(parts) > 7 else "")
        if place is not None and not groups[place]:
            groups[place] = _name(parts)
    return "=".join(groups).rstrip("=")


def _clinician_name(found: Found, component: int, sub: int) -> str:
    """PN of an XCN, whose first component is an identifier."""
    del component, sub
    return _name(found.message.components(found.repetition)[1:])


def _name(parts: Sequence[str]) -> str:
    """Family, given, middle, suffix, prefix, degree in the order of PS3.5 6.2.1.2."""
    family, given, middle, suffix, prefix, degree = [*parts, *[""] * 6][:6]
    after = " ".join(filter(None, (suffix, degree)))
    name = [each.replace("=", " ").replace("^", " ") for each in (family, given, middle, prefix)]
    return "^".join([*name, after]).rstrip("^")


def _address(found: Found, component: int, sub: int) -> str:
    """An XAD in one line."""
    del component, sub
    parts = found.message.components(found.repetition)[:6]
    return ", ".join(filter(None, parts))


def _code(found: Found, component: int, sub: int) -> Dataset | str:
    """The item of a code sequence (PS3.3 8.8) of a CE or CWE; nothing where it is not whole.

    With a component, the three from there on: 4 is the alternate identifier.
    """
    del sub
    first = component or 1
    value, meaning, scheme = (found.text(first + place) for place in range(3))
    return code_item(value, meaning, scheme) if value and meaning and scheme else ""


def code_item(value: str, meaning: str, scheme: str) -> Dataset:
    """The item of a code sequence."""
    item = Dataset()
    item.add_new(
        *((0x00080100, "SH") if len(value) <= _LONGEST_CODE else (0x00080119, "UC")), value
    )
    item.add_new(0x00080102, "SH", scheme)
    item.add_new(0x00080104, "LO", meaning)
    return item


KINDS: dict[str, Callable[[Found, int, int], Value]] = {
    "text": _text,
    "date": _date,
    "time": _time,
    "person-name": _person_name,
    "clinician-name": _clinician_name,
    "address": _address,
    "code": _code,
}
"""What ``as`` of a mapping may say."""
