"""A compressed image, read from its start: header first, then frame after frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.codecs.fragments import Fragments, gathered
from pacs_framework.codecs.pixels import PixelFormat, frames_of
from pacs_framework.dicom.elements import Encoding, Transcoder, image_facts
from pacs_framework.dicom.header import Readable, SplitDataSet, split_data_set
from pacs_framework.dicom.rewrite import decode_header
from pacs_framework.dicom.walk import UNDEFINED_LENGTH, EncodedDataSet
from pacs_framework.errors import UnreadableInstance

__all__ = ["EXPLICIT", "EXPLICIT_VR", "PIXEL_DATA", "CompressedImage", "OtherDataSet", "read_image"]

EXPLICIT = Encoding(implicit=False, little=True)
"""How all compressed data sets are encoded (PS3.5 A.4)."""

EXPLICIT_VR = str(ExplicitVRLittleEndian)
"""The native transfer syntax of this encoding (PS3.5 A.2)."""

PIXEL_DATA = 0x7FE00010

_IMPLICIT = Encoding(implicit=True, little=True)
_EXPLICIT_HEADER, _IMPLICIT_HEADER = 12, 8  # bytes of the pixel data element's header


@dataclass(frozen=True, slots=True)
class CompressedImage:
    """An image with encapsulated pixel data. ``rest`` is good when ``frames`` are read."""

    header: Dataset
    pixels: PixelFormat
    number_of_frames: int
    frames: Iterator[bytes]
    rest: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class OtherDataSet:
    """A data set without encapsulated pixel data, whatever its transfer syntax says.

    ``rest`` is everything behind the header: native pixel data with their element's header.
    """

    header: Dataset
    rest: Iterator[bytes]


def read_image(
    source: EncodedDataSet | Readable, transfer_syntax: str
) -> CompressedImage | OtherDataSet:
    """The image in ``source``, of a compressed transfer syntax. Raises `UnreadableInstance`."""
    split = _explicit(split_data_set(source, transfer_syntax))
    header = decode_header(split)
    element, tail = _taken(split.tail, _EXPLICIT_HEADER)
    if not element:
        return OtherDataSet(header, iter(()))
    order = EXPLICIT.order
    if order.length(element, 8)[0] != UNDEFINED_LENGTH:
        return OtherDataSet(header, chain((element,), tail))
    if order.tag(order.length(element, 0)[0]) != PIXEL_DATA:
        raise UnreadableInstance("float pixel data of undefined length")
    pixels = PixelFormat.of(header)
    fragments = Fragments(tail, longest=pixels.most_encoded_bytes)
    return CompressedImage(
        header=header,
        pixels=pixels,
        number_of_frames=frames_of(header),
        frames=gathered(fragments, header, transfer_syntax),
        rest=fragments.rest(),
    )


def _explicit(split: SplitDataSet) -> SplitDataSet:
    """With VRs in the header, as compressed data sets must have them and some have not."""
    if not split.implicit:
        return split
    facts = image_facts(split.header, _IMPLICIT)
    header = Transcoder(_IMPLICIT, EXPLICIT, facts).transcode(split.header)
    element, tail = _taken(split.tail, _IMPLICIT_HEADER)
    if element:
        word, length = _IMPLICIT.order.implicit(element, 0)
        tail = chain((EXPLICIT.header(EXPLICIT.order.tag(word), "OB", length),), tail)
    return SplitDataSet(header=header, tail=tail, implicit=False, little=True)


def _taken(pieces: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """The first ``size`` bytes, or nothing where nothing is left, and what follows."""
    held = b""
    while len(held) < size:
        piece = next(pieces, None)
        if piece is None:
            if held:
                raise UnreadableInstance("the data end inside the header of the pixel data")
            return b"", iter(())
        held += piece
    return held[:size], chain((held[size:],), pieces) if held[size:] else pieces
