"""Values as DICOM JSON has them, by their VR (PS3.18 F.2.2 to F.2.7).

Everything here gives the text of JSON, not objects that are encoded later: headers are turned by
the thousand, and most of the work would be to build what is thrown away.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from json.encoder import encode_basestring as quoted
from struct import Struct, calcsize

from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

from pacs_framework.dicom.charset import decode_text
from pacs_framework.dicom.elements import swap_unit, swapped

__all__ = [
    "BINARY_VRS",
    "NUMBER_FORMATS",
    "PADDING",
    "decimal",
    "floating",
    "integer",
    "person_name",
    "quoted",
    "split_text",
    "text_values",
    "value_of",
    "values",
]

BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
"""VRs whose values are InlineBinary or BulkDataURI (PS3.18 F.2.6, F.2.7)."""

NUMBER_FORMATS = {
    "FD": "d",
    "FL": "f",
    "SL": "i",
    "SS": "h",
    "SV": "q",
    "UL": "I",
    "US": "H",
    "UV": "Q",
}
"""VRs of binary numbers, with the letters that `struct` has for them."""

_SINGLE_VALUE_VRS = frozenset({"LT", "ST", "UR", "UT"})
_LEADING_SPACE_COUNTS = frozenset({"LT", "ST", "UC", "UR", "UT"})
PADDING = " \0"
"""What values are filled up with (PS3.5 6.2)."""
_ASCII = ("iso8859",)
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

_json_number = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_json_integer = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_dicom_integer = re.compile(r"[+-]?[0-9]{1,32}").fullmatch
_dicom_decimal = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch


def value_of(vr: str, value: bytes, *, little: bool, encodings: Sequence[str]) -> str:
    """The members of an attribute beside ``vr``: empty, ``"Value":[…]`` or ``"InlineBinary":"…"``.

    Binary values are in little endian whatever they were (F.2.7). A number that is cut off makes
    the value unreadable, and so does a VR that nobody knows: ValueError, and the caller says UN.
    """
    if not value:
        return ""
    if vr in BINARY_VRS:
        return _inline(vr, value, little=little)
    if vr in NUMBER_FORMATS:
        return values(_numbers(vr, value, little=little))
    if vr == "AT":
        return values(_tags(value, little=little))
    if vr in _TEXTS or vr in _SINGLE_VALUE_VRS:
        charset = encodings if vr in CUSTOMIZABLE_CHARSET_VR else _ASCII
        return values(text_values(vr, decode_text(value, charset)))
    raise ValueError(vr)


def values(found: Iterable[str]) -> str:
    """``"Value":[…]``, or nothing where there is no value but empty ones."""
    several = list(found)
    if not several or several == ["null"]:
        return ""
    return f'"Value":[{",".join(several)}]'


def text_values(vr: str, text: str) -> list[str]:
    """The values in the text of an element; empty ones between others are null (F.2.5)."""
    convert = _TEXTS.get(vr, quoted)
    return [convert(each) if each else "null" for each in split_text(vr, text)]


def split_text(vr: str, text: str) -> list[str]:
    """Its values without their padding (PS3.5 Table 6.2-1)."""
    strip = str.rstrip if vr in _LEADING_SPACE_COUNTS else str.strip
    if vr in _SINGLE_VALUE_VRS or "\\" not in text:
        return [strip(text, PADDING)]
    return [strip(each, PADDING) for each in text.split("\\")]


def person_name(text: str) -> str:
    """The component groups of a name (F.2.2); null where there is nothing in any."""
    groups = zip(_GROUPS, text.split("=", 2), strict=False)
    members = [f'"{name}":{quoted(group)}' for name, group in groups if group]
    return f"{{{','.join(members)}}}" if members else "null"


def integer(text: str) -> str:
    """IS as a number; what is none stays text (F.2.3)."""
    if _json_integer(text):
        return text
    return str(int(text)) if _dicom_integer(text) else quoted(text)


def decimal(text: str) -> str:
    """DS as a number with the digits that it has; what is none stays text (F.2.3)."""
    if _json_number(text):
        return text
    return floating(float(text)) if _dicom_decimal(text) else quoted(text)


def floating(number: float) -> str:
    """A float in the fewest digits that give it back; JSON has no word for those not finite."""
    if math.isfinite(number):
        return repr(number)
    return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'


_TEXTS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC", "UI"), quoted),
    "DS": decimal,
    "IS": integer,
    "PN": person_name,
}


def _inline(vr: str, value: bytes, *, little: bool) -> str:
    unit = swap_unit(vr)
    if unit > 1 and not little:
        value = swapped(value, unit)
    return f'"InlineBinary":"{b64encode(value).decode()}"'


def _numbers(vr: str, value: bytes, *, little: bool) -> list[str]:
    letter = NUMBER_FORMATS[vr]
    count, left = divmod(len(value), calcsize("<" + letter))
    if left:
        raise ValueError(vr)
    found = Struct(f"{'<' if little else '>'}{count}{letter}").unpack(value)
    return [floating(n) for n in found] if letter in "fd" else [str(n) for n in found]


def _tags(value: bytes, *, little: bool) -> list[str]:
    if len(value) % 4:
        raise ValueError("AT")
    found = Struct(f"{'<' if little else '>'}{len(value) // 2}H").unpack(value)
    return [f'"{a:04X}{b:04X}"' for a, b in zip(found[::2], found[1::2], strict=True)]
