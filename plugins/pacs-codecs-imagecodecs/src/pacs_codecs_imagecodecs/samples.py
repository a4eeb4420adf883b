"""Samples as arrays, and arrays as frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "array_of",
    "bit_patterns",
    "clipped",
    "narrowed",
    "native",
    "room",
    "sample_bytes",
    "sign_extended",
    "within_bits_stored",
]


def sample_bytes(precision: int) -> int:
    """Bytes of a sample of so many bits."""
    return 1 if precision <= 8 else 2 if precision <= 16 else 4


def _shape(pixels: PixelFormat) -> tuple[int, ...]:
    colour = (pixels.samples_per_pixel,) if pixels.samples_per_pixel > 1 else ()
    return (pixels.rows, pixels.columns, *colour)


def room(pixels: PixelFormat, size: int) -> NDArray[Any]:
    """An array for a decoded frame, colour pixel by pixel, in samples of ``size`` bytes.

    Libraries that are handed one refuse a frame of another size before they make room for it.
    """
    return np.empty(_shape(pixels), dtype=f"<u{size}")


def array_of(frame: Frame) -> NDArray[Any]:
    """The samples of a native frame, colour pixel by pixel. Raises `UnreadableInstance`."""
    pixels = frame.pixels
    if len(frame.data) != pixels.frame_bytes:
        raise UnreadableInstance(f"a frame of {len(frame.data)} bytes, not {pixels.frame_bytes}")
    kind = "i" if pixels.signed else "u"
    samples = np.frombuffer(frame.data, dtype=f"<{kind}{pixels.bits_allocated // 8}")
    if pixels.samples_per_pixel > 1 and pixels.planar_configuration:
        planes = samples.reshape(pixels.samples_per_pixel, pixels.rows, pixels.columns)
        return planes.transpose(1, 2, 0).copy()
    return samples.reshape(_shape(pixels))


def within_bits_stored(samples: NDArray[Any], pixels: PixelFormat) -> NDArray[Any]:
    """``samples``, if Bits Stored holds them all: else an image coder would lose some bits.

    Raises `UnreadableInstance`.
    """
    low = -(1 << pixels.bits_stored - 1) if pixels.signed else 0
    high = low + (1 << pixels.bits_stored) - 1
    if samples.min() < low or samples.max() > high:
        raise UnreadableInstance(
            f"samples use more than the {pixels.bits_stored} bits that Bits Stored says; RLE "
            "Lossless and Deflated Image Frame Compression keep them"
        )
    return samples


def bit_patterns(samples: NDArray[Any], pixels: PixelFormat) -> NDArray[Any]:
    """Unsigned numbers of ``bits_stored`` bits, for coders that know no sign."""
    if not pixels.signed:
        return samples
    unsigned = samples.view(f"<u{samples.itemsize}")
    patterns: NDArray[Any] = unsigned & unsigned.dtype.type((1 << pixels.bits_stored) - 1)
    return patterns


def narrowed(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """In as few bytes as ``bits`` take, for coders that tell by the type."""
    return samples.astype(f"<u{sample_bytes(bits)}", copy=False)


def sign_extended(samples: NDArray[Any], bits: int, pixels: PixelFormat) -> NDArray[Any]:
    """Samples of ``bits`` bits with the sign that ``pixels`` gives them; other bits count not."""
    size = samples.itemsize
    kind = "i" if pixels.signed else "u"
    shift = 8 * size - bits
    extended: NDArray[Any] = (samples.view(f"<u{size}") << shift).view(f"<{kind}{size}") >> shift
    return extended


def clipped(samples: NDArray[Any], precision: int, pixels: PixelFormat) -> NDArray[Any]:
    """Samples of ``precision`` bits that came out of a compression with loss, within Bits Stored.

    A white that became a little whiter has a bit too many; whoever looks at Bits Stored bits only
    would see it black.
    """
    if precision <= pixels.bits_stored:
        return samples
    low = -(1 << pixels.bits_stored - 1) if pixels.signed else 0
    high = low + (1 << pixels.bits_stored) - 1
    numbers = samples.view(f"<{'i' if pixels.signed else 'u'}{samples.itemsize}")
    within: NDArray[Any] = np.clip(numbers, low, high)
    return within


def native(samples: NDArray[Any], pixels: PixelFormat, photometric_interpretation: str) -> Frame:
    """A decoded frame in the bits that ``pixels`` allocates. Raises `UnreadableInstance`.

    ``samples`` are pixel by pixel and have their sign.
    """
    if samples.shape != _shape(pixels):
        raise UnreadableInstance(f"an image of {samples.shape}, where the header has another size")
    size = pixels.bits_allocated // 8
    if samples.itemsize > size:
        raise UnreadableInstance(
            f"samples of {8 * samples.itemsize} bits, {pixels.bits_allocated} are allocated"
        )
    kind = "i" if pixels.signed else "u"
    if samples.itemsize < size:
        samples = samples.view(f"<{kind}{samples.itemsize}").astype(f"<{kind}{size}")
    told = replace(
        pixels,
        photometric_interpretation=photometric_interpretation,
        planar_configuration=0,
    )
    return Frame(samples.tobytes(), told)
