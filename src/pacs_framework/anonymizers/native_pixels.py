"""Native pixel data as devices write them: also with shared colour, and with padding behind them.

No codec is for either, and a viewer shows both; so whoever changes pixels has to know them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from pacs_framework.anonymizers.changing import changed_frame
from pacs_framework.anonymizers.pixel_work import PixelWork
from pacs_framework.anonymizers.subsampled import (
    changed_pairs,
    check_pairs,
    full_frame,
    is_subsampled,
)
from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.image import OtherDataSet
from pacs_framework.codecs.native import NativeElement, native_element, native_frames
from pacs_framework.codecs.pixels import PixelFormat, frames_of
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.errors import UnreadableInstance

__all__ = ["NativePixels", "native_pixels"]

_AT_ONCE = 1 << 16  # bytes of padding
_EVEN = 2  # less than this is padding in any case: elements have an even length
_SHARED_BITS = 16  # of a pixel whose colour is that of its neighbour, too


@dataclass(frozen=True, slots=True, kw_only=True)
class NativePixels:
    """An image with native pixel data, little endian. ``rest`` is good when ``frames`` are read.

    ``subsampled``: two pixels share their colour (see `pacs_framework.anonymizers.subsampled`).
    """

    header: Dataset
    pixels: PixelFormat
    number_of_frames: int
    subsampled: bool
    frames: Iterator[bytes]
    rest: Iterator[bytes]

    @property
    def frame_bits(self) -> int:
        """Bits of one frame as it is stored."""
        return _frame_bits(self.pixels, subsampled=self.subsampled)

    def changed(self, data: bytes, number: int, work: PixelWork) -> Buffer:
        """One of the frames with all of ``work`` done. Raises `NotAnonymized`."""
        if self.subsampled:
            return changed_pairs(data, self.pixels, number, work)
        return changed_frame(Frame(data, self.pixels), number, work, self.header).data

    def looked_at(self, data: bytes) -> Frame:
        """One of the frames as `PixelWork.find` is given it."""
        return full_frame(data, self.pixels) if self.subsampled else Frame(data, self.pixels)


def native_pixels(dataset: OtherDataSet) -> NativePixels | Dataset:
    """The image in a data set that is read up to its pixel data; where it has none, the data set.

    What is behind the last frame in the same element is passed over, if it is less than a frame.
    Raises `UnreadableInstance`: for float pixel data, and where the element is shorter than the
    header says, or so much longer that there may be frames that it does not count.
    """
    element = native_element(dataset)
    if element is None:
        return dataset.header
    pixels, number = PixelFormat.of(dataset.header), frames_of(dataset.header)
    subsampled = is_subsampled(pixels) and element.length * 8 < number * pixels.frame_bits
    if subsampled:
        check_pairs(pixels)
    bits = _frame_bits(pixels, subsampled=subsampled)
    # Where more bytes than three for each pixel are said to be shared colour, there may be two
    # frames of it as well as one with padding.
    ambiguous = is_subsampled(pixels) and not subsampled
    return NativePixels(
        header=dataset.header,
        pixels=pixels,
        number_of_frames=number,
        subsampled=subsampled,
        frames=_frames(element, pixels, number, bits, room=_EVEN if ambiguous else bits // 8),
        rest=element.stream.rest(),
    )


def _frame_bits(pixels: PixelFormat, *, subsampled: bool) -> int:
    return pixels.rows * pixels.columns * _SHARED_BITS if subsampled else pixels.frame_bits


def _frames(
    element: NativeElement, pixels: PixelFormat, number: int, bits: int, *, room: int
) -> Iterator[bytes]:
    """``number`` frames of ``bits`` bits, with less than ``room`` bytes behind them."""
    size = (number * bits + 7) // 8
    padding = element.length - size
    if not 0 <= padding < max(room, _EVEN):
        raise UnreadableInstance(
            f"{element.length} bytes of pixel data, where the header says {number} frames that "
            f"take {size} ({pixels.photometric_interpretation})"
        )
    return _passing_over(native_frames(element.stream, number, bits), element.stream, padding)


def _passing_over(frames: Iterator[bytes], stream: PieceStream, padding: int) -> Iterator[bytes]:
    yield from frames
    while padding > 0:
        stream.read(min(padding, _AT_ONCE))
        padding -= _AT_ONCE
