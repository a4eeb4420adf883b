"""The frames of a stored image, one in memory at a time, native or decoded.

Also of kinds that no codec is for: single bits (PS3.5 8.1.1), floats, and YBR_FULL_422 with the
colour of two pixels stored once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from pydicom import Dataset

from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.codec import Buffer
from pacs_framework.codecs.image import (
    EXPLICIT,
    EXPLICIT_VR,
    PIXEL_DATA,
    CompressedImage,
    OtherDataSet,
    read_image,
)
from pacs_framework.codecs.native import native_frames
from pacs_framework.codecs.pixels import PixelFormat, frames_of
from pacs_framework.codecs.transcoding import Decoder
from pacs_framework.dicom.header import Readable
from pacs_framework.dicom.rewrite import convert_uncompressed
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import InstanceError, UnreadableInstance
from pacs_framework.rendering.layout import (
    FrameLayout,
    decoded_layout,
    floating_layout,
    native_layout,
)

__all__ = [
    "EncodedImage",
    "NativeImage",
    "NoSuchFrame",
    "StoredFrame",
    "StoredImage",
    "read_stored_image",
    "wanted_frames",
]

_HEADER = 12  # bytes of the pixel data element's header in explicit VR
_FLOAT_BITS = {0x7FE00008: 32, 0x7FE00009: 64}


class NoSuchFrame(InstanceError):
    """A frame was asked for that the image has not."""


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One native frame. Single bits begin with the lowest bit of the first byte."""

    data: Buffer
    layout: FrameLayout


class StoredImage(Protocol):
    """An image that is read once, from its beginning on."""

    header: Dataset
    transfer_syntax: str
    number_of_frames: int

    def frames(self, wanted: range) -> Iterator[tuple[int, StoredFrame]]:
        """Each of the ``wanted`` frames with its number, from 1 on.

        Others are passed over. Raises `UnreadableInstance`, also after some frames.
        """


def wanted_frames(frame: int | None, number_of_frames: int) -> range:
    """Frame number ``frame``, or all of them where it is None. Raises `NoSuchFrame`."""
    if frame is None:
        return range(1, number_of_frames + 1)
    if not 1 <= frame <= number_of_frames:
        raise NoSuchFrame(f"there is no frame {frame}: the image has {number_of_frames}")
    return range(frame, frame + 1)


def read_stored_image(
    source: Readable,
    transfer_syntax: str,
    decoder: Decoder,
    threads: FrameThreads | None = None,
) -> StoredImage | Dataset:
    """The image in ``source``, from where it stands; a data set where it has no pixel data.

    ``threads`` decode frames beside each other. Raises `UnreadableInstance`.
    """
    if transfer_syntax in UNCOMPRESSED:
        # Little endian with VRs, so that there is one kind of native pixel data only.
        pieces = PieceStream(convert_uncompressed(source, transfer_syntax, EXPLICIT_VR))
        found = read_image(pieces, EXPLICIT_VR)
    else:
        found = read_image(source, transfer_syntax)
    if isinstance(found, OtherDataSet):
        return _native_image(found, transfer_syntax)
    if transfer_syntax in UNCOMPRESSED:
        raise UnreadableInstance("encapsulated pixel data in an uncompressed transfer syntax")
    return EncodedImage(found, transfer_syntax, decoder, threads or FrameThreads())


class EncodedImage:
    """An image with encapsulated pixel data; each frame is decoded when its turn comes."""

    def __init__(
        self,
        image: CompressedImage,
        transfer_syntax: str,
        decoder: Decoder,
        threads: FrameThreads,
    ) -> None:
        self.header = image.header
        self.transfer_syntax = transfer_syntax
        self.number_of_frames = image.number_of_frames
        self.pixels: PixelFormat = image.pixels
        self._image = image
        self._decoder = decoder
        self._threads = threads

    def encoded_frames(self, wanted: range) -> Iterator[tuple[int, bytes]]:
        """The ``wanted`` frames as they are stored, with their numbers."""
        for number, frame in enumerate(self._image.frames, start=1):
            if number in wanted:
                yield number, frame
            if number >= wanted[-1] and number < self.number_of_frames:
                return  # behind the last one, the number of frames is checked

    def frames(self, wanted: range) -> Iterator[tuple[int, StoredFrame]]:
        """As `StoredImage.frames`."""
        return self._threads.map(self._decoded, self.encoded_frames(wanted))

    def _decoded(self, numbered: tuple[int, bytes]) -> tuple[int, StoredFrame]:
        number, encoded = numbered
        made = self._decoder.decode(encoded, self.transfer_syntax, self.pixels)
        layout = decoded_layout(self.header, made.pixels, self.transfer_syntax)
        return number, StoredFrame(made.data, layout)


class NativeImage:
    """An image with native pixel data of any kind."""

    def __init__(
        self,
        header: Dataset,
        transfer_syntax: str,
        number_of_frames: int,
        layout: FrameLayout,
        stream: PieceStream,
    ) -> None:
        self.header = header
        self.transfer_syntax = transfer_syntax
        self.number_of_frames = number_of_frames
        self._layout = layout
        self._stream = stream

    def frames(self, wanted: range) -> Iterator[tuple[int, StoredFrame]]:
        """As `StoredImage.frames`."""
        frames = native_frames(self._stream, wanted[-1], self._layout.frame_bits)
        for number, frame in enumerate(frames, start=1):
            if number in wanted:
                yield number, StoredFrame(frame, self._layout)


def _native_image(dataset: OtherDataSet, transfer_syntax: str) -> NativeImage | Dataset:
    header = dataset.header
    stream = PieceStream(dataset.rest)
    element = stream.read(_HEADER)
    if not element:
        return header
    tag = EXPLICIT.order.tag(EXPLICIT.order.length(element, 0)[0])
    length = EXPLICIT.order.length(element, 8)[0]
    bits = _FLOAT_BITS.get(tag)
    layout = floating_layout(header, bits=bits) if bits else native_layout(header)
    if tag != PIXEL_DATA and not bits:
        raise UnreadableInstance(f"pixel data of an unknown kind: element {tag:08x}")
    number = frames_of(header)
    layout = _fitting(layout, number, length)
    return NativeImage(header, transfer_syntax, number, layout, stream)


def _fitting(layout: FrameLayout, number: int, length: int) -> FrameLayout:
    """``layout``, held to the ``length`` in bytes of ``number`` frames.

    A remainder below a frame is padding, as some devices write it. More means that the header does
    not tell the truth, and pictures by it would not either.
    """
    full = replace(layout, subsampled=False)
    if layout.subsampled and length * 8 >= number * full.frame_bits:
        layout = full  # called YBR_FULL_422 by software that decompressed it to YBR_FULL
    expected = (number * layout.frame_bits + 7) // 8
    if not expected <= length < expected + max(layout.frame_bits // 8, 2):
        raise UnreadableInstance(
            f"{length} bytes of pixel data, where the header says {number} frames that take "
            f"{expected} ({layout.photometric_interpretation})"
        )
    return layout
