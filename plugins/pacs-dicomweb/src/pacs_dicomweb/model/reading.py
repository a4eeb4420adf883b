"""DICOM JSON back into data sets (PS3.18 Annex F), for what others send.

Nothing is guessed: what the model does not allow is an error that names the attribute, and never
quotes its value.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydicom import Dataset
from pydicom.dataelem import DataElement, empty_value_for_VR
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from pacs_dicomweb.model.values import BINARY_VRS, NUMBER_FORMATS
from pacs_framework.dicom.depth import DEPTH_LIMIT
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import UnreadableInstance

__all__ = ["BulkReader", "dataset_of", "datasets_of", "parse_json"]

BulkReader = Callable[[str, int, str], bytes]
"""Gives the value behind a BulkDataURI; called with URI, tag and VR."""

_VRS = frozenset(str(vr) for vr in VR if len(str(vr)) == 2)
_MEMBERS = frozenset({"vr", "Value", "InlineBinary", "BulkDataURI"})
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_SINGLE_TEXTS = frozenset({"LT", "ST", "UR", "UT"})

_is_tag = re.compile(r"[0-9A-Fa-f]{8}").fullmatch


def parse_json(text: bytes | str) -> Any:
    """What a JSON text says; numbers with a point keep their digits.

    Raises `UnreadableInstance` for what is no JSON, or nested too deeply to be one of ours.
    """
    try:
        return json.loads(text, parse_float=_Digits, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UnreadableInstance(f"no JSON that can be read ({type(error).__name__})") from None


def datasets_of(value: Any, bulk: BulkReader | None = None) -> list[Dataset]:
    """The data sets of a JSON array, or of one object. Raises as `dataset_of`."""
    several = value if isinstance(value, list) else [value]
    return [dataset_of(each, bulk) for each in several]


def dataset_of(value: Any, bulk: BulkReader | None = None) -> Dataset:
    """The data set of one JSON object, as `parse_json` gives it.

    A BulkDataURI is resolved by ``bulk``; without, it is an error. Text becomes UTF-8, which
    Specific Character Set then says. Raises `UnreadableInstance`.
    """
    dataset = _Reader(bulk).read(value, 0)
    if "SpecificCharacterSet" in dataset or not _is_ascii(value):
        dataset.SpecificCharacterSet = "ISO_IR 192"
    return dataset


class _Digits(float):
    """A number that remembers how it was written."""

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


def _no_constant(name: str) -> float:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _is_ascii(value: Any) -> bool:
    return json.dumps(value, ensure_ascii=False, default=str).isascii()


@dataclass(frozen=True, slots=True)
class _Reader:
    bulk: BulkReader | None

    def read(self, value: Any, depth: int) -> Dataset:
        if depth > DEPTH_LIMIT:
            raise UnreadableInstance(f"sequences are nested more than {DEPTH_LIMIT} levels deep")
        if not isinstance(value, Mapping):
            raise UnreadableInstance("a data set in JSON is an object of attributes")
        dataset = Dataset()
        for name, attribute in value.items():
            tag = _tag(name)
            if tag & 0xFFFF:
                dataset.add(self._element(tag, attribute, depth))
        return dataset

    def _element(self, tag: int, attribute: Any, depth: int) -> DataElement:
        vr = _checked(tag, attribute)
        try:
            value = self._value(tag, vr, attribute, depth)
            return DataElement(BaseTag(tag), vr, value)
        except UnreadableInstance:
            raise
        except (*PYDICOM_FAILURES, binascii.Error):
            raise _wrong(tag, f"no value of VR {vr}") from None

    def _value(self, tag: int, vr: str, attribute: Mapping[str, Any], depth: int) -> Any:
        if "BulkDataURI" in attribute:
            return self._bulk_value(tag, vr, attribute["BulkDataURI"])
        if "InlineBinary" in attribute:
            return _inline(tag, vr, attribute["InlineBinary"])
        values = attribute.get("Value")
        if values is None or values == []:
            return Items() if vr == "SQ" else empty_value_for_VR(vr)
        if not isinstance(values, list):
            raise _wrong(tag, "Value is no array")
        if vr == "SQ":
            return Items([self.read(item or {}, depth + 1) for item in values])
        if vr in BINARY_VRS:
            raise _wrong(tag, f"VR {vr} has InlineBinary or BulkDataURI, not Value")
        return _converted(tag, vr, values)

    def _bulk_value(self, tag: int, vr: str, uri: Any) -> Any:
        if not isinstance(uri, str) or vr == "SQ":
            raise _wrong(tag, "no BulkDataURI that could be followed")
        if self.bulk is None:
            raise _wrong(tag, "a BulkDataURI, and no bulk data came with it")
        return _of_bytes(tag, vr, self.bulk(uri, tag, vr))


def _tag(name: str) -> int:
    if not _is_tag(name):
        raise UnreadableInstance(f"attribute {name[:16]!r}: eight hexadecimal digits name one")
    return int(name, 16)


def _checked(tag: int, attribute: Any) -> str:
    """The VR of an attribute whose form is right."""
    if not isinstance(attribute, Mapping):
        raise _wrong(tag, "an attribute is an object with vr")
    vr = attribute.get("vr")
    if vr not in _VRS:
        raise _wrong(tag, "vr is none of PS3.5")
    members = set(attribute) - {"vr"}
    if len(members) > 1 or members - _MEMBERS:
        raise _wrong(tag, "one of Value, InlineBinary and BulkDataURI is allowed")
    return str(vr)


def _wrong(tag: int, cause: str) -> UnreadableInstance:
    return UnreadableInstance(f"attribute {tag:08X}: {cause}")


def _inline(tag: int, vr: str, text: Any) -> Any:
    if not isinstance(text, str):
        raise _wrong(tag, "InlineBinary is no text in base 64")
    return _of_bytes(tag, vr, base64.b64decode(text, validate=True))


def _of_bytes(tag: int, vr: str, value: bytes) -> Any:
    """A value from its bytes in little endian; text of it is UTF-8."""
    if vr in BINARY_VRS:
        return value
    if vr in NUMBER_FORMATS:
        letter = NUMBER_FORMATS[vr]
        return _one_or_all(
            list(struct.unpack(f"<{len(value) // struct.calcsize(letter)}{letter}", value))
        )
    if vr == "AT":
        halves = struct.unpack(f"<{len(value) // 2}H", value)
        pairs = zip(halves[::2], halves[1::2], strict=True)
        return _one_or_all([BaseTag(a << 16 | b) for a, b in pairs])
    text = value.decode("utf-8").rstrip(" \0")
    if vr in _SINGLE_TEXTS:
        return text
    return _converted(tag, vr, [each.strip(" \0") for each in text.split("\\")])


def _converted(tag: int, vr: str, values: Sequence[Any]) -> Any:
    if vr in _SINGLE_TEXTS and len(values) > 1:
        raise _wrong(tag, f"VR {vr} has one value")
    if vr in NUMBER_FORMATS:
        return _one_or_all([_number(vr, each) for each in values])
    if vr == "AT":
        return _one_or_all([BaseTag(_tag(str(each))) for each in values])
    if vr == "PN":
        return _one_or_all([_name(tag, each) for each in values])
    return _one_or_all([_text(tag, vr, each) for each in values])


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _number(vr: str, value: Any) -> int | float:
    if isinstance(value, bool) or value is None:
        raise ValueError(vr)
    letter = NUMBER_FORMATS[vr]
    if letter in "fd":
        number: int | float = float(value)
        if letter == "f" and math.isfinite(number):
            struct.pack("<f", number)
        return number
    whole = int(value)
    if whole != float(value) and abs(whole) < 1 << 53:
        raise ValueError(vr)
    struct.pack("<" + letter, whole)
    return whole


def _name(tag: int, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):  # as text, which older software sends
        return value
    if not isinstance(value, Mapping) or set(value) - set(_GROUPS):
        raise _wrong(tag, "a person name is an object of its component groups")
    groups = [value.get(name) or "" for name in _GROUPS]
    if not all(
        isinstance(group, str) and "\\" not in group and "=" not in group for group in groups
    ):
        raise _wrong(tag, "a component group is text without delimiters")
    return "=".join(groups).rstrip("=")


def _text(tag: int, vr: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(tag, f"no value of VR {vr}")
    if not isinstance(value, str) and vr not in {"DS", "IS"}:
        raise _wrong(tag, f"a number in VR {vr}")
    text = value.text if isinstance(value, _Digits) else str(value)
    if "\\" in text and vr not in _SINGLE_TEXTS:
        raise _wrong(tag, "a backslash inside of a value")
    return text
