"""How instances are given out: in which packing, and each in which transfer syntax (PS3.18 8.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pacs_dicomweb.accept import MediaRange, not_acceptable
from pacs_framework.dicom.uids import UNCOMPRESSED

if TYPE_CHECKING:
    from pacs_framework.codecs.transcoding import Transcoding

__all__ = ["ANY", "DICOM", "EXPLICIT_VR", "ZIP", "Packing", "Wanted", "convertible", "wanted_of"]

DICOM = "application/dicom"
ZIP = "application/zip"
ANY = "*"
EXPLICIT_VR = "1.2.840.10008.1.2.1"
"""What is sent where nobody says otherwise (PS3.18 8.7.3.5.2)."""


class Packing(Enum):
    """What holds the instances of an answer."""

    MULTIPART = f'multipart/related; type="{DICOM}"'
    SINGLE = DICOM
    ZIP = ZIP


@dataclass(frozen=True, slots=True)
class Wanted:
    """A packing, and the transfer syntaxes that are accepted in it, best first.

    An empty one is that of a range which names none: then the default is sent, and what no codec
    decodes as it is stored, since the client has not said that it cannot have it.
    """

    packing: Packing
    syntaxes: Sequence[str]

    @property
    def or_stored(self) -> bool:
        """Whether a client has left it open what is of use."""
        return "" in self.syntaxes

    def syntax_for(self, stored: str, transcoding: Transcoding) -> str | None:
        """What an instance is sent in that is stored in ``stored``; None where it cannot be."""
        for syntax in self.syntaxes:
            if syntax in {ANY, stored}:
                return stored
            if syntax and convertible(stored, syntax, transcoding):
                return syntax
            if not syntax:
                plain = convertible(stored, EXPLICIT_VR, transcoding)
                return EXPLICIT_VR if plain else stored
        return None


def convertible(stored: str, target: str, transcoding: Transcoding) -> bool:
    """Whether data sets in ``stored`` can be had in ``target`` without loss."""
    if stored not in UNCOMPRESSED and not transcoding.decoder.decodes(stored):
        return False
    try:
        transcoding.check_target(target)
    except ValueError:
        return False
    return True


def wanted_of(ranges: Sequence[MediaRange], *, single: bool) -> Wanted:
    """What a client wants of one instance (``single``) or of several.

    Raises `Problem` 406.
    """
    packings = [(_packing(each, single=single), each.transfer_syntax) for each in ranges]
    chosen = next((packing for packing, _ in packings if packing is not None), None)
    if chosen is None:
        offered = [Packing.MULTIPART.value, ZIP, *([DICOM] if single else [])]
        raise not_acceptable(offered)
    return Wanted(chosen, [syntax for packing, syntax in packings if packing is chosen])


def _packing(each: MediaRange, *, single: bool) -> Packing | None:
    if each.takes_parts(DICOM):
        return Packing.MULTIPART
    if single and each.takes(DICOM):
        return Packing.SINGLE
    return Packing.ZIP if each.takes(ZIP) else None
