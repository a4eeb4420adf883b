"""Answers in bytes, fast: a query has thousands of them, and each holds a few short texts.

pydicom's writer is made for whole images and takes ten times as long. What is not short text in a
single-byte or UTF-8 character set, in little endian, goes to it all the same.
"""

from __future__ import annotations

import struct
from typing import Any

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, IS, STR_VR, VR, PersonName

from pacs_framework.dicom.charset import LATIN_1, UTF_8
from pacs_framework.dicom.identifier import encode_identifier

__all__ = ["encode_answer"]

_CODECS = {"": "ascii", LATIN_1: "latin-1", UTF_8: "utf-8"}
_IMPLICIT = struct.Struct("<HHI").pack
_EXPLICIT = struct.Struct("<HH2sH").pack
_SHORT_VRS: dict[str | None, bytes] = {
    vr: str(vr).encode() for vr in STR_VR - {VR.UC, VR.UR, VR.UT}
}
_LONGEST = 0xFFFE


def encode_answer(answer: Dataset, transfer_syntax_uid: str) -> bytes:
    """Encode as `encode_identifier` does."""
    codec = _codec_of(answer)
    implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    if not codec or not (implicit or transfer_syntax_uid == ExplicitVRLittleEndian):
        return encode_identifier(answer, transfer_syntax_uid)
    pieces: list[bytes] = []
    for tag, element in sorted(answer.items(), key=_by_tag):
        vr = _SHORT_VRS.get(element.VR)
        value = _encoded(element, codec) if vr else None
        if vr is None or value is None:
            return encode_identifier(answer, transfer_syntax_uid)
        group, number, length = tag >> 16, tag & 0xFFFF, len(value)
        if implicit:
            pieces.append(_IMPLICIT(group, number, length))
        else:
            pieces.append(_EXPLICIT(group, number, vr, length))
        pieces.append(value)
    return b"".join(pieces)


def _codec_of(answer: Dataset) -> str:
    """Python's codec for the text of an answer; empty where code elements change within it."""
    declared = answer.get("SpecificCharacterSet", "")
    return _CODECS.get(declared, "") if isinstance(declared, str) else ""


def _by_tag(item: tuple[Any, Any]) -> int:
    return int(item[0])


def _encoded(element: DataElement | RawDataElement, codec: str) -> bytes | None:
    """The padded value of a text element; None for a value that is not text, or too long."""
    value = element.value
    if isinstance(value, MultiValue):
        texts = [_text(each) for each in value]
        text = None if None in texts else "\\".join(str(each) for each in texts)
    else:
        text = _text(value)
    if text is None:
        return None
    encoded = text.encode(codec if element.VR in CUSTOMIZABLE_CHARSET_VR else "latin-1")
    if len(encoded) % 2:
        encoded += b"\0" if element.VR == VR.UI else b" "
    return encoded if len(encoded) <= _LONGEST else None


def _text(value: Any) -> str | None:
    if isinstance(value, IS):
        return getattr(value, "original_string", None) or str(int(value))
    if isinstance(value, str | PersonName):
        return str(value)
    return "" if value is None else None
