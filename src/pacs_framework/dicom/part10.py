"""The DICOM file format: what stands in front of a data set on disk (PS3.10 section 7.1)."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from mmap import mmap
from struct import Struct
from typing import BinaryIO, NamedTuple

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.uids import (
    BIG_ENDIAN,
    DEFLATED,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    IMPLICIT_VR,
    is_valid_uid,
)
from pacs_framework.dicom.walk import BIG, LITTLE, EncodedDataSet, Walk
from pacs_framework.errors import UnreadableInstance

__all__ = ["Prefix", "make_prefix", "read_prefix", "source_in"]

# Far more than group 0002 or the start of a data set needs; what does not fit is no file of ours.
_HEAD = 1 << 18
_START = 1 << 10  # bytes of a data set in which its UIDs nearly always are

_PREAMBLE = 128
_MAGIC = b"DICM"

_GROUP_LENGTH = 0x0000
_VERSION = 0x0001
_CLASS_UID = 0x0002
_INSTANCE_UID = 0x0003
_TRANSFER_SYNTAX_UID = 0x0010
_IMPLEMENTATION_CLASS_UID = 0x0012
_IMPLEMENTATION_VERSION_NAME = 0x0013
_SOURCE_AE_TITLE = 0x0016

_short_header = Struct("<HH2sH")
_implicit_header = Struct("<HHI")
_long_length = Struct("<I")
_LONG_VRS = {str(vr).encode() for vr in EXPLICIT_VR_LENGTH_32}
_VRS = {str(vr).encode() for vr in EXPLICIT_VR_LENGTH_16} | _LONG_VRS


def _element(element: int, vr: bytes, value: bytes, pad: bytes) -> bytes:
    """An element of group 0002 in explicit VR little endian, padded to even length."""
    if len(value) % 2:
        value += pad
    return _short_header.pack(2, element, vr, len(value)) + value


def _uid(element: int, uid: str) -> bytes:
    return _element(element, b"UI", uid.encode("ascii", "replace"), b"\0")


_FILE_META_VERSION = _short_header.pack(2, _VERSION, b"OB", 0) + _long_length.pack(2) + b"\0\1"
_IMPLEMENTATION = _uid(_IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_CLASS_UID) + _element(
    _IMPLEMENTATION_VERSION_NAME, b"SH", IMPLEMENTATION_VERSION_NAME.encode(), b" "
)
_LEAD = b"\0" * _PREAMBLE + _MAGIC + _short_header.pack(2, _GROUP_LENGTH, b"UL", 4)


@lru_cache(maxsize=256)
def _source(source_aet: str) -> bytes:
    if not source_aet:
        return b""
    return _element(_SOURCE_AE_TITLE, b"AE", source_aet.encode("ascii", "replace")[:16], b" ")


@lru_cache(maxsize=256)
def _class_part(sop_class_uid: str) -> bytes:
    return _FILE_META_VERSION + _uid(_CLASS_UID, sop_class_uid)


@lru_cache(maxsize=256)
def _syntax_part(transfer_syntax_uid: str) -> bytes:
    return _uid(_TRANSFER_SYNTAX_UID, transfer_syntax_uid) + _IMPLEMENTATION


def make_prefix(meta: FileMeta, *, source_aet: str = "") -> bytes:
    """The bytes in front of a data set: preamble, ``DICM`` and group 0002 (PS3.10 Table 7.1-1).

    ``source_aet`` becomes Source Application Entity Title (0002,0016), left out when empty.
    ``meta.prefix`` is not looked at.
    """
    group = (
        _class_part(meta.sop_class_uid)
        + _uid(_INSTANCE_UID, meta.sop_instance_uid)
        + _syntax_part(meta.transfer_syntax_uid)
        + _source(source_aet)
    )
    return _LEAD + _long_length.pack(len(group)) + group


class Prefix(NamedTuple):
    """What `read_prefix` found: the core of the file meta information, and how many bytes of the
    source stand in front of the data set.
    """

    meta: FileMeta
    dataset_offset: int


def read_prefix(source: EncodedDataSet | BinaryIO, *, checked: bool = False) -> Prefix:
    """Read what stands in front of the data set of a file (PS3.10 section 7.1).

    A file may lack the preamble, or its meta information may be incomplete, missing or about
    another instance, as long as the start of the data set says what is needed: the UIDs in the data
    set are believed. Then ``meta.prefix`` is None, and a new one has to be made. Else it holds the
    bytes as they are. A stream is read from where it stands, and left anywhere.

    ``checked`` is for objects of an archive, whose meta information was held against the data set
    when they came in: it is believed where it is complete. A data set may have a UID twice.

    Raises `UnreadableInstance` for what is no DICOM file.
    """
    if isinstance(source, bytes | bytearray | memoryview | mmap):
        head = bytes(source[:_HEAD])
    else:
        head = source.read(_HEAD)
    has_preamble = head[_PREAMBLE : _PREAMBLE + 4] == _MAGIC
    start = _PREAMBLE + 4 if has_preamble else 0
    values, offset = _read_group_2(head, start)
    stated = (
        values.get(_CLASS_UID, ""),
        values.get(_INSTANCE_UID, ""),
        values.get(_TRANSFER_SYNTAX_UID, ""),
    )
    if checked and has_preamble and all(map(is_valid_uid, stated)):
        return Prefix(meta=_meta(*stated, prefix=head[:offset]), dataset_offset=offset)
    syntax = stated[2] or _guess_syntax(head, offset)
    found = _identify(head[offset : offset + _START], syntax)
    if not all(found):
        found = _identify(head[offset:], syntax)
    true = (found[0] or stated[0], found[1] or stated[1], syntax)
    if not all(is_valid_uid(uid) for uid in true):
        raise UnreadableInstance(
            "no DICOM file: SOP class, SOP instance or transfer syntax UID is missing or malformed"
        )
    kept = head[:offset] if has_preamble and stated == true else None
    return Prefix(meta=_meta(*true, prefix=kept), dataset_offset=offset)


def _meta(sop_class: str, sop_instance: str, syntax: str, prefix: bytes | None) -> FileMeta:
    return FileMeta(
        sop_class_uid=sop_class,
        sop_instance_uid=sop_instance,
        transfer_syntax_uid=syntax,
        prefix=prefix,
    )


def source_in(prefix: bytes) -> str:
    """Source Application Entity Title (0002,0016) in what stands in front of a data set.

    Empty where there is none, or none that can be read.
    """
    with suppress(UnreadableInstance):
        return _read_group_2(prefix, _PREAMBLE + 4)[0].get(_SOURCE_AE_TITLE, "")
    return ""


def _read_group_2(head: bytes, pos: int) -> tuple[dict[int, str], int]:
    """The values of group 0002 by element number, and where it ends.

    The group length is not trusted: the group ends where another group begins, as pydicom has it.
    """
    values: dict[int, str] = {}
    while pos + 8 <= len(head):
        group, element, vr, length = _short_header.unpack_from(head, pos)
        if group != 2:
            break
        value = pos + 8
        if vr in _LONG_VRS and pos + 12 <= len(head):
            value, length = pos + 12, _long_length.unpack_from(head, pos + 8)[0]
        elif vr not in _VRS:  # meta information in implicit VR: wrong, and seen in the field
            length = _implicit_header.unpack_from(head, pos)[2]
        pos = value + length
        if pos > len(head):
            raise UnreadableInstance(
                f"file meta information unreadable at offset {value}: element (0002,{element:04x}) "
                f"of {length} bytes goes beyond what can be read"
            )
        values[element] = head[value:pos].decode("ascii", "replace").strip(" \0")
    return values, pos


def _guess_syntax(head: bytes, offset: int) -> str:
    """The transfer syntax by the look of the first element, as pydicom guesses it."""
    if head[offset + 4 : offset + 6] not in _VRS:
        return str(ImplicitVRLittleEndian)
    # Groups of the first elements are small numbers: 0008 reads as 0800 in the wrong order.
    big = int.from_bytes(head[offset : offset + 2], "little") >= 0x0400
    return str(ExplicitVRBigEndian if big else ExplicitVRLittleEndian)


def _identify(head: bytes, syntax: str) -> tuple[str, str]:
    """SOP class and instance UID from the start of a data set, empty where it does not tell."""
    if syntax in DEFLATED:
        return "", ""
    walk = Walk(head, len(head), BIG if syntax == BIG_ENDIAN else LITTLE)
    # Only the head of the file is at hand, so the walk may well end early; whether the data set is
    # whole is for the header scan to say.
    with suppress(UnreadableInstance):
        if walk.looks_implicit(0, default=syntax == IMPLICIT_VR):
            walk.implicit(0)
        else:
            walk.explicit(0)
    return _uid_in(walk, "SOPClassUID"), _uid_in(walk, "SOPInstanceUID")


def _uid_in(walk: Walk, keyword: str) -> str:
    value = walk.raw.get(INDEXED[keyword].tag, b"")
    return value.decode("ascii", "replace").strip(" \0")
