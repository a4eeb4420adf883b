"""What is rendered as what (PS3.18 Table 8.7.4-1), chosen by what the client accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pacs_dicomweb.accept import MediaRange, not_acceptable

__all__ = [
    "GIF",
    "HTML",
    "IMAGES",
    "JP2",
    "JPEG",
    "PDF",
    "PLAIN",
    "PNG",
    "REPORTS",
    "STL",
    "XML",
    "ChosenMedia",
    "choose_media",
    "choose_single",
]

JPEG, PNG, GIF, JP2 = "image/jpeg", "image/png", "image/gif", "image/jp2"
IMAGES = (JPEG, PNG, GIF, JP2)
"""The default one first."""

HTML, PLAIN, XML = "text/html", "text/plain", "text/xml"
REPORTS = (HTML, PLAIN, XML)
"""The default one first."""

PDF, STL = "application/pdf", "model/stl"


@dataclass(frozen=True, slots=True)
class ChosenMedia:
    """What is seen in a media type: each a part of ``multipart/related``, or one alone."""

    media_type: str
    multipart: bool


def choose_single(
    ranges: Sequence[MediaRange], offered: Sequence[str] = IMAGES, *, parts: bool = True
) -> ChosenMedia:
    """For one thing to see: alone where that is accepted, else as the only part.

    Raises `Problem` 406.
    """
    for each in ranges:
        for media_type in offered:
            if each.takes(media_type):
                return ChosenMedia(media_type, multipart=False)
            if parts and each.takes_parts(media_type):
                return ChosenMedia(media_type, multipart=True)
    raise not_acceptable(offered)


def choose_media(
    ranges: Sequence[MediaRange], offered: Sequence[str] = IMAGES, *, alone: Sequence[str] = ()
) -> ChosenMedia:
    """For several things to see: in parts, or in one file of a media type of ``alone``.

    Raises `Problem` 406.
    """
    for each in ranges:
        for media_type in offered:
            if each.takes_parts(media_type):
                return ChosenMedia(media_type, multipart=True)
        for media_type in alone:
            if each.takes(media_type):
                return ChosenMedia(media_type, multipart=False)
    raise not_acceptable([*(f'multipart/related; type="{each}"' for each in offered), *alone])
