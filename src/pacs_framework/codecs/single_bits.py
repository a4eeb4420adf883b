"""Frames of single bits (Bits Allocated 1), as binary segmentations have them.

Native, they follow each other bit by bit, the first pixel in the lowest bit, and a frame begins
wherever the one before ends (PS3.5 8.1.1). Here each is in bytes of its own, with zeros behind its
last pixel. Codecs never see bits: RLE has a byte for each pixel (PS3.5 G.2), as has a decoded image
of the JPEG family, and Deflated Image Frame Compression takes bytes whatever they mean (8.2.16).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "bits_from",
    "coded",
    "coded_format",
    "holds_single_bits",
    "joined",
    "of_bits",
    "samples_of_bits",
]

_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
_HOLDING = frozenset(("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90", _DEFLATED_FRAMES))
_DIGITS = bytes.maketrans(b"\0\1", b"01")
_NUMBERS = bytes.maketrans(b"01", b"\0\1")


def holds_single_bits(transfer_syntax: str) -> bool:
    """Whether the standard has single bits compressed in it without loss (PS3.5 8.2)."""
    return transfer_syntax in _HOLDING


def coded_format(pixels: PixelFormat, transfer_syntax: str) -> PixelFormat:
    """What a codec is told of a frame of single bits: a byte for each pixel, or bytes as such."""
    if transfer_syntax == _DEFLATED_FRAMES:
        size = pixels.frame_bytes
        return replace(pixels, rows=1, columns=size, bits_allocated=8, bits_stored=8)
    return replace(pixels, bits_allocated=8)


def coded(frame: Frame, transfer_syntax: str) -> Frame:
    """What a codec encodes of ``frame``. Raises `UnreadableInstance`."""
    pixels = frame.pixels
    if len(frame.data) != pixels.frame_bytes:
        raise UnreadableInstance(f"a frame of {len(frame.data)} bytes, not {pixels.frame_bytes}")
    told = coded_format(pixels, transfer_syntax)
    if transfer_syntax == _DEFLATED_FRAMES:
        return Frame(frame.data, told)
    return Frame(samples_of_bits(frame), told)


def of_bits(decoded: Frame, pixels: PixelFormat, transfer_syntax: str) -> Frame:
    """The frame of single bits that a codec has ``decoded``. Raises `UnreadableInstance`."""
    count = pixels.rows * pixels.columns
    if transfer_syntax == _DEFLATED_FRAMES:
        return Frame(bits_from(bytes(decoded.data), 0, count), pixels)
    samples = bytes(decoded.data)
    if samples.strip(b"\0\1"):
        raise UnreadableInstance("pixels that are neither 0 nor 1, where the header says one bit")
    number = int(samples.translate(_DIGITS)[::-1], 2)
    return Frame(number.to_bytes(pixels.frame_bytes, "little"), pixels)


def samples_of_bits(frame: Frame) -> bytes:
    """A byte for each pixel."""
    count = frame.pixels.rows * frame.pixels.columns
    number = int.from_bytes(bits_from(bytes(frame.data), 0, count), "little")
    return f"{number:0{count}b}".encode("ascii")[::-1].translate(_NUMBERS)


def bits_from(data: bytes, start: int, size: int) -> bytes:
    """``size`` bits of ``data`` from bit ``start`` on, then zeros up to the next byte."""
    if start == 0 and size % 8 == 0 and len(data) == size // 8:
        return data
    number = int.from_bytes(data, "little") >> start & (1 << size) - 1
    return number.to_bytes((size + 7) // 8, "little")


def joined(frames: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Frames of ``size`` bits each as they follow each other in native pixel data."""
    held, filled = 0, 0
    for frame in frames:
        held |= int.from_bytes(frame, "little") << filled
        whole, left = divmod(filled + size, 8)
        yield (held & (1 << 8 * whole) - 1).to_bytes(whole, "little")
        held, filled = held >> 8 * whole, left
    if filled:
        yield held.to_bytes(1, "little")
