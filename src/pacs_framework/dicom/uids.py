"""Unique identifiers: their form, the transfer syntaxes of storage, and our own name in a file.

UIDs are plain strings of digits and dots, at most 64 characters (PS3.5 section 9.1).
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from pydicom.uid import (
    AllTransferSyntaxes,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPIPHTJ2KReferencedDeflate,
    SMPTEST211020UncompressedInterlacedActiveVideo,
    SMPTEST211020UncompressedProgressiveActiveVideo,
    SMPTEST211030PCMDigitalAudio,
)

from pacs_framework import __version__

__all__ = [
    "BIG_ENDIAN",
    "DEFLATED",
    "IMPLEMENTATION_CLASS_UID",
    "IMPLEMENTATION_VERSION_NAME",
    "IMPLICIT_VR",
    "JPIP_REFERENCED",
    "JPIP_REFERENCED_DEFLATE",
    "TRANSFER_SYNTAXES",
    "UNCOMPRESSED",
    "UidForm",
    "is_valid_uid",
    "uid_form",
]

IMPLEMENTATION_CLASS_UID = "2.25.162004993462285169518646539564121335783"
"""Implementation Class UID (0002,0012) of this framework, made from a UUID (PS3.5 B.2)."""

IMPLEMENTATION_VERSION_NAME = f"PACS_FW_{__version__}"[:16]
"""Implementation Version Name (0002,0013), at most 16 characters (PS3.10 Table 7.1-1)."""

JPIP_REFERENCED = "1.2.840.10008.1.2.4.94"
JPIP_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.95"

# Registered in PS3.6 Table A-1 and not (yet) listed by pydicom.uid.AllTransferSyntaxes: the retired
# JPEG processes that old archives still hold, and what came after pydicom's list was made.
_BEYOND_PYDICOM = (
    "1.2.840.10008.1.2.1.98",  # Encapsulated Uncompressed Explicit VR Little Endian
    *(f"1.2.840.10008.1.2.4.{process}" for process in (*range(52, 57), *range(58, 67))),
    JPIP_REFERENCED,
    JPIP_REFERENCED_DEFLATE,
    "1.2.840.10008.1.2.4.110",  # JPEG XL Lossless
    "1.2.840.10008.1.2.4.111",  # JPEG XL JPEG Recompression
    "1.2.840.10008.1.2.4.112",  # JPEG XL
    "1.2.840.10008.1.2.8.1",  # Deflated Image Frame Compression
)

# Real-time streams (PS3.22): no data set in them is ever stored.
_NEVER_STORED = {
    SMPTEST211020UncompressedProgressiveActiveVideo,
    SMPTEST211020UncompressedInterlacedActiveVideo,
    SMPTEST211030PCMDigitalAudio,
}

TRANSFER_SYNTAXES: tuple[str, ...] = tuple(
    [str(uid) for uid in AllTransferSyntaxes if uid not in _NEVER_STORED] + list(_BEYOND_PYDICOM)
)
"""Every transfer syntax of the standard that an instance can be stored in (PS3.5 Annex A)."""

UNCOMPRESSED: frozenset[str] = frozenset(
    str(uid)
    for uid in (
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    )
)
"""Transfer syntaxes whose pixel data are native (PS3.5 A.1 to A.3 and A.5)."""
"""The transfer syntaxes with native pixel data: one can be made from the other without loss."""

DEFLATED: frozenset[str] = frozenset(
    (
        str(DeflatedExplicitVRLittleEndian),
        str(JPIPHTJ2KReferencedDeflate),
        JPIP_REFERENCED_DEFLATE,
    )
)
"""The transfer syntaxes whose whole data set is one deflate stream (PS3.5 A.5)."""

IMPLICIT_VR = str(ImplicitVRLittleEndian)
"""The one standard transfer syntax without VR fields (PS3.5 A.1)."""

BIG_ENDIAN = str(ExplicitVRBigEndian)
"""The one transfer syntax with big-endian numbers (PS3.5 A.3, retired)."""


class UidForm(Enum):
    """How well a UID keeps the rules of PS3.5 section 9.1; both invalid forms are falsy.

    Devices in the field send components with leading zeros (``1.2.05``). They are safe to keep and
    to compare as text, so they pass as `LEADING_ZEROS`.
    """

    VALID = "valid"
    LEADING_ZEROS = "leading zeros"
    EMPTY = "empty"
    MALFORMED = "malformed"

    def __bool__(self) -> bool:
        return self in (UidForm.VALID, UidForm.LEADING_ZEROS)


_strict = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*").fullmatch
_lenient = re.compile(r"[0-9]+(?:\.[0-9]+)*").fullmatch


def uid_form(uid: str) -> UidForm:
    """Judge a UID without padding: characters, components and length (PS3.5 section 9.1)."""
    if not uid:
        return UidForm.EMPTY
    if len(uid) > 64:
        return UidForm.MALFORMED
    if _strict(uid):
        return UidForm.VALID
    return UidForm.LEADING_ZEROS if _lenient(uid) else UidForm.MALFORMED


@lru_cache(maxsize=4096)  # those of patients, studies and peers come again and again
def is_valid_uid(uid: str) -> bool:
    """Whether a UID can be kept: 1 to 64 digits and dots, no component empty (PS3.5 9.1).

    Leading zeros pass; `uid_form` tells them apart.
    """
    return len(uid) <= 64 and _lenient(uid) is not None
