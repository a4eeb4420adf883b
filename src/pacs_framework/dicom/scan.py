"""The header scan: the indexed attributes of an encoded data set, found without decoding the rest.

Every instance passes here once on its way in, so this is a hot path: one struct unpack for each
top-level element, values sliced only where the index wants them, pixels leapt over.
"""

from __future__ import annotations

from typing import NamedTuple

from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.dicom.charset import decode_text, python_encodings
from pacs_framework.dicom.inflate import walk_deflated
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR
from pacs_framework.dicom.walk import BIG, LITTLE, SPECIFIC_CHARACTER_SET, EncodedDataSet, Walk

__all__ = ["EncodedDataSet", "HeaderScan", "decode_attributes", "scan_header"]


# Bytes are unpacked from and sliced faster than views: a small data set is worth a copy.
_COPIED = 1 << 16


class HeaderScan(NamedTuple):
    """What a scan found.

    ``raw`` maps tags to encoded values: those of the indexed attributes that are present, and of
    Specific Character Set (0008,0005). ``pixel_data_offset`` is where the header of the first pixel
    data element starts, None without pixel data and for deflated data sets. ``length`` is that of
    the data set as encoded, in bytes.
    """

    raw: dict[int, bytes]
    pixel_data_offset: int | None
    length: int


def scan_header(data: EncodedDataSet, transfer_syntax_uid: str) -> HeaderScan:
    """Walk all top-level elements of a data set, without a Part 10 prefix, to its very end.

    An unknown transfer syntax is taken for one of encapsulated pixel data: explicit VR, little
    endian (PS3.5 A.4). A data set in the other VR encoding than announced is read as it is.

    Raises `UnreadableInstance` with offset and cause: truncated, lying about its lengths, or an
    indexed attribute longer than `VALUE_LIMIT`. The time is linear in the number of elements.
    """
    if transfer_syntax_uid in DEFLATED:
        raw = walk_deflated(data)
        return HeaderScan(raw=raw, pixel_data_offset=None, length=len(data))
    if len(data) <= _COPIED:
        data = bytes(data)
    walk = Walk(data, len(data), BIG if transfer_syntax_uid == BIG_ENDIAN else LITTLE)
    if walk.looks_implicit(0, default=transfer_syntax_uid == IMPLICIT_VR):
        walk.implicit(0)
    else:
        walk.explicit(0)
    return HeaderScan(raw=walk.raw, pixel_data_offset=walk.pixel_data, length=len(data))


_KEYWORDS = {attribute.tag: keyword for keyword, attribute in INDEXED.items()}
_KEYWORDS[SPECIFIC_CHARACTER_SET] = ""
_CHARSET_VRS = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
_TEXT_TAGS = frozenset(a.tag for a in INDEXED.values() if a.vr in _CHARSET_VRS)
_EMPTY = dict.fromkeys(INDEXED, "")
_ASCII = ("iso8859",)
_ESCAPE = b"\x1b"
_BETWEEN, _BETWEEN_TEXTS = b"\x1f", "\x1f"


def decode_attributes(scan: HeaderScan) -> dict[str, str]:
    """The text of every indexed attribute by keyword, empty where it is absent.

    Values come without the spaces and nulls around them, which mean nothing in any of these VRs
    (PS3.5 Table 6.2-1), several values joined by a backslash. Text is decoded by the data
    set's Specific Character Set; what that cannot decode is replaced, never an error.
    """
    raw = scan.raw
    texts = _ascii_texts(raw) or _texts(raw)
    attributes = _EMPTY.copy()
    attributes.update(zip(map(_KEYWORDS.__getitem__, raw), texts, strict=True))
    attributes.pop("", None)
    return attributes


def _ascii_texts(raw: dict[int, bytes]) -> list[str] | None:
    """The text of all values decoded in one go, which is the same in every character set; None
    where one of them is not plain ASCII.
    """
    joined = _BETWEEN.join(raw.values())
    if not joined.isascii() or _ESCAPE in joined:
        return None
    texts = joined.decode("ascii").split(_BETWEEN_TEXTS)
    if len(texts) != len(raw):
        return None
    if b"\\" in joined:
        return [_stripped(text) for text in texts]
    return [text.strip(" \0") for text in texts]


def _texts(raw: dict[int, bytes]) -> list[str]:
    """The text of each value by itself."""
    declared = raw.get(SPECIFIC_CHARACTER_SET)
    encodings = python_encodings(declared) if declared else _ASCII
    return [
        _stripped(decode_text(value, encodings if tag in _TEXT_TAGS else _ASCII))
        for tag, value in raw.items()
    ]


def _stripped(text: str) -> str:
    """Without padding, each of several values."""
    if "\\" in text:
        return "\\".join(value.strip(" \0") for value in text.split("\\"))
    return text.strip(" \0")
