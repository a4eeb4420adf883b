"""RLE Lossless (PS3.5 Annex G): byte planes, each row packed on its own, by imagecodecs."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs_codecs_imagecodecs.samples import array_of
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["decode", "encode"]

_HEADER = struct.Struct("<16I")
_MOST_SEGMENTS = 15


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame, plane by plane."""
    size = pixels.bits_allocated // 8
    plane = pixels.rows * pixels.columns
    segments = _segments(data, pixels.samples_per_pixel * size)
    woven = np.empty((pixels.samples_per_pixel, plane), dtype=f"<u{size}")
    for samples in woven:
        _weave(islice(segments, size), samples)
    return Frame(woven.reshape(-1).view(np.uint8).data, replace(pixels, planar_configuration=1))


def _weave(segments: Iterator[bytes], samples: NDArray[Any]) -> None:
    """Fill ``samples``; the most significant byte of each has the first segment.

    Shifted into place, because to write every second byte of an array takes four times as long.
    """
    samples[:] = _unpacked(next(segments), samples.size)
    for segment in segments:
        samples <<= 8
        samples |= _unpacked(segment, samples.size)


def _segments(data: bytes, expected: int) -> Iterator[bytes]:
    if len(data) < _HEADER.size:
        raise UnreadableInstance("an RLE frame without its header")
    number, *offsets = _HEADER.unpack_from(data)
    if number != expected:
        raise UnreadableInstance(f"{number} RLE segments, where the header means {expected}")
    bounds = [*offsets[:number], len(data)]
    if bounds != sorted(bounds) or bounds[0] < _HEADER.size:
        raise UnreadableInstance("an RLE frame with wrong offsets")
    for position in range(number):
        yield data[bounds[position] : bounds[position + 1]]


def _unpacked(segment: bytes, size: int) -> NDArray[Any]:
    """Exactly ``size`` bytes; a padding byte may follow them."""
    found = imagecodecs.packbits_decode(segment, out=size)
    if len(found) != size:
        raise UnreadableInstance(f"an RLE segment of {len(found)} bytes, {size} are a plane")
    return np.frombuffer(found, dtype=np.uint8)


def encode(frame: Frame) -> Frame:
    """The frame packed; every bit of it is kept, also beyond Bits Stored."""
    pixels = frame.pixels
    size = pixels.bits_allocated // 8
    samples = array_of(frame).view(f"<u{size}")
    samples = samples.reshape(pixels.rows, pixels.columns, pixels.samples_per_pixel)
    segments = [
        _even(imagecodecs.packbits_encode(_byte_plane(samples[:, :, sample], byte)))
        for sample in range(pixels.samples_per_pixel)
        for byte in reversed(range(size))
    ]
    return Frame(_header(segments) + b"".join(segments), replace(pixels, planar_configuration=0))


def _byte_plane(samples: NDArray[Any], byte: int) -> NDArray[Any]:
    """One byte of each sample, the least significant is 0; rows stay rows."""
    return np.ascontiguousarray((samples >> 8 * byte).astype(np.uint8, copy=False))


def _even(segment: bytes | bytearray) -> bytes:
    return bytes(segment) + b"\0" * (len(segment) % 2)


def _header(segments: list[bytes]) -> bytes:
    offsets, position = [], _HEADER.size
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    unused = [0] * (_MOST_SEGMENTS - len(offsets))
    return _HEADER.pack(len(offsets), *offsets, *unused)
