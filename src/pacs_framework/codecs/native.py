"""Native pixel data taken apart into frames, one in memory at a time (PS3.5 8.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from pacs_framework.codecs.image import (
    EXPLICIT,
    EXPLICIT_VR,
    PIXEL_DATA,
    OtherDataSet,
    read_image,
)
from pacs_framework.codecs.pixels import PixelFormat, frames_of
from pacs_framework.codecs.single_bits import bits_from
from pacs_framework.dicom.header import Readable
from pacs_framework.dicom.rewrite import convert_uncompressed
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "NativeElement",
    "NativeImage",
    "native_bytes",
    "native_element",
    "native_frames",
    "native_image",
    "read_native",
    "read_uncompressed",
]

_HEADER = 12  # bytes of the pixel data element's header in explicit VR


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeImage:
    """An image with native pixel data, little endian. ``rest`` is good when ``frames`` are read."""

    header: Dataset
    pixels: PixelFormat
    number_of_frames: int
    frames: Iterator[bytes]
    rest: Iterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeElement:
    """The value of native pixel data: the next ``length`` bytes of ``stream``."""

    length: int
    stream: PieceStream


def read_native(source: Readable, transfer_syntax: str) -> NativeImage | Dataset:
    """The image in ``source``, of an uncompressed transfer syntax; as `native_image`.

    Raises `UnreadableInstance`.
    """
    return native_image(read_uncompressed(source, transfer_syntax))


def native_bytes(source: Readable, transfer_syntax: str) -> Iterator[bytes]:
    """The pixel data in ``source`` and all behind them, in little endian, of any kind of pixels.

    Raises `UnreadableInstance`.
    """
    stream = PieceStream(read_uncompressed(source, transfer_syntax).rest)
    stream.read(_HEADER)
    return stream.rest()


def read_uncompressed(source: Readable, transfer_syntax: str) -> OtherDataSet:
    """The data set in ``source`` up to its pixel data, in explicit VR little endian.

    Raises `UnreadableInstance`.
    """
    pieces = convert_uncompressed(source, transfer_syntax, EXPLICIT_VR)
    found = read_image(PieceStream(pieces), EXPLICIT_VR)
    if not isinstance(found, OtherDataSet):
        raise UnreadableInstance("encapsulated pixel data in an uncompressed transfer syntax")
    return found


def native_image(dataset: OtherDataSet) -> NativeImage | Dataset:
    """The image in a data set that is read up to its pixel data; where it has none, the data set.

    Raises `UnreadableInstance`: for float pixel data, and where the element has another length
    than the header says.
    """
    element = native_element(dataset)
    if element is None:
        return dataset.header
    pixels, number = PixelFormat.of(dataset.header), frames_of(dataset.header)
    size = (number * pixels.frame_bits + 7) // 8
    length, stream = element.length, element.stream
    if length not in (size, size + size % 2):
        raise UnreadableInstance(
            f"{length} bytes of pixel data, where the header says {number} frames that take {size} "
            f"({pixels.photometric_interpretation})"
        )
    return NativeImage(
        header=dataset.header,
        pixels=pixels,
        number_of_frames=number,
        frames=_padded(native_frames(stream, number, pixels.frame_bits), stream, length - size),
        rest=stream.rest(),
    )


def native_element(dataset: OtherDataSet) -> NativeElement | None:
    """The pixel data of a data set that is read up to them; None where it has none.

    Raises `UnreadableInstance` for float pixel data.
    """
    stream = PieceStream(dataset.rest)
    element = stream.read(_HEADER)
    if not element:
        return None
    if EXPLICIT.order.tag(EXPLICIT.order.length(element, 0)[0]) != PIXEL_DATA:
        raise UnreadableInstance("float pixel data, which no codec is for")
    return NativeElement(length=EXPLICIT.order.length(element, 8)[0], stream=stream)


def native_frames(stream: PieceStream, number: int, size: int) -> Iterator[bytes]:
    """``number`` frames of ``size`` bits, each from its first bit on.

    Raises `UnreadableInstance` where the data end before.
    """
    held, start = b"", 0  # ``start`` bits of what is held belong to the frame before
    for frame in range(1, number + 1):
        end = start + size
        missing = (end + 7) // 8 - len(held)
        more = stream.read(missing)
        if len(more) < missing:
            raise UnreadableInstance(f"the pixel data end inside frame {frame}")
        held = held + more if held else more
        yield bits_from(held, start, size)
        held, start = held[end // 8 :], end % 8


def _padded(frames: Iterator[bytes], stream: PieceStream, padding: int) -> Iterator[bytes]:
    yield from frames
    stream.read(padding)
