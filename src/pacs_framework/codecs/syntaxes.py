"""What is known of transfer syntaxes: names for tables, words for the command line, and loss."""

from __future__ import annotations

from pydicom.uid import UID

from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, UNCOMPRESSED

__all__ = [
    "LOSSY_METHODS",
    "LOSSY_NAMES",
    "SHORT_NAMES",
    "is_lossless",
    "named_syntax",
    "syntax_name",
]

# Registered after pydicom's dictionary was made (PS3.6 Table A-1): name and keyword.
_NAMES = {
    "1.2.840.10008.1.2.4.110": ("JPEG XL Lossless", "JPEGXLLossless"),
    "1.2.840.10008.1.2.4.111": ("JPEG XL JPEG Recompression", "JPEGXLJPEGRecompression"),
    "1.2.840.10008.1.2.4.112": ("JPEG XL", "JPEGXL"),
    "1.2.840.10008.1.2.8.1": (
        "Deflated Image Frame Compression",
        "DeflatedImageFrameCompression",
    ),
}

# Whatever is not known to be lossless is not: also those where the encoder may choose.
_LOSSLESS = UNCOMPRESSED | {
    *(f"1.2.840.10008.1.2.4.{number}" for number in (57, 70, 80, 90, 92, 110, 201, 202)),
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.8.1",
}

SHORT_NAMES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big-endian": "1.2.840.10008.1.2.2",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
    "htj2k-rpcl": "1.2.840.10008.1.2.4.202",
    "jpegxl": "1.2.840.10008.1.2.4.110",
    "deflated-frames": "1.2.840.10008.1.2.8.1",
}
"""A word for each transfer syntax that data sets are converted to; all of them are lossless."""

LOSSY_NAMES = {
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpeg-12": "1.2.840.10008.1.2.4.51",
    "jpeg-ls-near": "1.2.840.10008.1.2.4.81",
    "jpeg2000-lossy": "1.2.840.10008.1.2.4.91",
    "htj2k-lossy": "1.2.840.10008.1.2.4.203",
    "jpegxl-lossy": "1.2.840.10008.1.2.4.112",
}
"""The same for those that lose something, or may."""

LOSSY_METHODS = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.112": "ISO_18181_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}
"""Lossy Image Compression Method (0028,2114) of the lossy ones (PS3.3 C.7.6.1.1.5.1)."""

_ALL_NAMES = SHORT_NAMES | LOSSY_NAMES


def is_lossless(transfer_syntax: str) -> bool:
    """Whether what is encoded in it can be had back exactly, whatever the encoder chose."""
    return transfer_syntax in _LOSSLESS


def syntax_name(transfer_syntax: str) -> str:
    """The name in PS3.6 Table A-1; the UID where it has none."""
    name, _ = _NAMES.get(transfer_syntax) or (UID(transfer_syntax).name, "")
    return name


def named_syntax(text: str) -> str:
    """The UID of the transfer syntax that a UID, a keyword or a short name means.

    Short names are in small letters: ``jpeg2000`` is lossless, the keyword ``JPEG2000`` may be
    lossy. Raises ValueError with the short names.
    """
    wanted = text.strip()
    if wanted in TRANSFER_SYNTAXES:
        return wanted
    found = _ALL_NAMES.get(wanted) or _by_keyword().get(wanted.lower())
    if found is None:
        raise ValueError(
            f"no transfer syntax is called {text!r}; give its UID, its keyword, or one of "
            f"{', '.join(_ALL_NAMES)}"
        )
    return found


def _by_keyword() -> dict[str, str]:
    known = {UID(uid).keyword.lower(): uid for uid in TRANSFER_SYNTAXES if UID(uid).keyword}
    return known | {keyword.lower(): uid for uid, (_, keyword) in _NAMES.items()}
