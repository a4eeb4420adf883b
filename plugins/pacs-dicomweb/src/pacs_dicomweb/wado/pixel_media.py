"""Frames by media type: which one carries which transfer syntax, and what a client gets (8.7.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_dicomweb.accept import MediaRange, not_acceptable
from pacs_dicomweb.wado.negotiating import ANY, EXPLICIT_VR, convertible
from pacs_framework.dicom.uids import UNCOMPRESSED

if TYPE_CHECKING:
    from pacs_framework.codecs.transcoding import Transcoding

__all__ = ["OCTETS", "PIXEL_MEDIA", "ChosenPixels", "choose_pixels"]

OCTETS = "application/octet-stream"

_BASE = "1.2.840.10008.1.2.4."

PIXEL_MEDIA: dict[str, tuple[str, ...]] = {
    "image/jpeg": tuple(_BASE + each for each in ("70", "50", "51", "57")),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    "image/x-dicom-rle": ("1.2.840.10008.1.2.5",),
    "image/jls": (_BASE + "80", _BASE + "81"),
    "image/x-jls": (_BASE + "80", _BASE + "81"),
    "image/jp2": (_BASE + "90", _BASE + "91"),
    "image/jpx": (_BASE + "92", _BASE + "93"),
    "image/jphc": (_BASE + "201", _BASE + "202", _BASE + "203"),
    "image/jxl": (_BASE + "110", _BASE + "111", _BASE + "112"),
    "video/mpeg": (_BASE + "100", _BASE + "100.1", _BASE + "101", _BASE + "101.1"),
    "video/mp4": tuple(
        _BASE + each + fragmentable
        for each in ("102", "103", "104", "105", "106")
        for fragmentable in ("", ".1")
    ),
    "video/h265": (_BASE + "107", _BASE + "108"),
}
"""Media type → transfer syntaxes, the default one first (PS3.18 Table 8.7.3-5)."""


@dataclass(frozen=True, slots=True)
class ChosenPixels:
    """What frames are answered as: each a part, or the only one alone."""

    media_type: str
    transfer_syntax: str
    multipart: bool

    @property
    def content_type(self) -> str:
        """The media type with its transfer syntax."""
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax}"


def choose_pixels(
    ranges: Sequence[MediaRange],
    stored: str,
    transcoding: Transcoding,
    *,
    single: bool,
    joined: bool = False,
) -> ChosenPixels:
    """What is answered of an image stored in ``stored``; ``single`` frames may come alone, and
    native ones ``joined`` to one value. Raises `Problem` 406.
    """
    for each in ranges:
        for media_type in (OCTETS, *PIXEL_MEDIA):
            multipart = each.takes_parts(media_type)
            alone = single or (joined and media_type == OCTETS)
            if not multipart and not (alone and each.takes(media_type)):
                continue
            for syntax in _syntaxes(media_type, each.transfer_syntax, stored):
                if not (multipart or single or syntax in UNCOMPRESSED):
                    continue
                if syntax == stored or convertible(stored, syntax, transcoding):
                    return ChosenPixels(media_type, syntax, multipart)
    offered = [f'multipart/related; type="{OCTETS}"; transfer-syntax=*']
    offered += [
        f'multipart/related; type="{m}"' for m, held in PIXEL_MEDIA.items() if stored in held
    ]
    raise not_acceptable(offered)


def _syntaxes(media_type: str, asked: str, stored: str) -> Iterator[str]:
    """What could be sent as ``media_type``, best first."""
    held = PIXEL_MEDIA.get(media_type)
    as_stored = EXPLICIT_VR if stored in UNCOMPRESSED else stored
    if held is None:
        # Octets of compressed frames are no media type of the standard, and what viewers ask for.
        yield EXPLICIT_VR if not asked else as_stored if asked == ANY else asked
    elif stored in held and asked in {"", ANY, stored}:
        yield stored
    elif asked in {"", ANY}:
        yield held[0]
    elif asked in held:
        yield asked
