"""High-Throughput JPEG 2000 (PS3.5 A.4.11), by OpenJPH.

What is encoded suits every one of its transfer syntaxes: RPCL progression, tile-part lengths, and
as many levels as a thumbnail needs are what 1.2.840.10008.1.2.4.202 demands (PS3.5 10.18), and .201
and .203 allow.
"""

from __future__ import annotations

import math
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs_codecs_imagecodecs.code_stream import RPCL, CodeStream, read_code_stream, with_precision
from pacs_codecs_imagecodecs.jpeg_2000 import transformed, unpacked
from pacs_codecs_imagecodecs.samples import array_of, room, sample_bytes, within_bits_stored
from pacs_codecs_imagecodecs.swallowed import swallowed_errors_raised
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["decode", "encode", "encode_lossy"]

_USUAL_LEVELS = 5
_THUMBNAIL = 64  # rows and columns that the lowest resolution has at most

# Of the first quantization step that is tried, that of the next, and the smallest that there is.
_COARSE, _FINER, _FINEST = 5.0, 0.75, 0.00001


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame; the transformations of colour that belong to JPEG 2000 are undone."""
    stream = read_code_stream(data)
    stream.check(pixels)
    with swallowed_errors_raised():
        samples = imagecodecs.htj2k_decode(
            data, planar=False, out=room(pixels, sample_bytes(stream.precision))
        )
    if not stream.reversible:
        samples = _within_range(samples, stream)
    return unpacked(samples, stream, pixels)


def _within_range(samples: NDArray[Any], stream: CodeStream) -> NDArray[Any]:
    """What an irreversible transformation gives may lie beside the range that the precision says.

    The library cuts it off one above the largest sample, which has a bit too many.
    """
    low = -(1 << stream.precision - 1) if stream.signed else 0
    high = low + (1 << stream.precision) - 1
    numbers = samples.view(f"<{'i' if stream.signed else 'u'}{samples.itemsize}")
    return np.clip(numbers, low, high, out=numbers)


def encode(frame: Frame) -> Frame:
    """The frame without loss; RGB becomes YBR_RCT (PS3.3 C.7.6.3.1.2)."""
    pixels = frame.pixels
    samples = _around_zero(within_bits_stored(array_of(frame), pixels), pixels)
    data = _encoded(samples, pixels, step=None)
    return Frame(data, transformed(pixels, "YBR_RCT"))


def encode_lossy(frame: Frame, loss: Loss) -> Frame:
    """The frame with a signal-to-noise ratio of so many dB at least; RGB becomes YBR_ICT.

    The library takes the step of the quantization; the ratio that comes of it is measured.
    """
    pixels = frame.pixels
    samples = within_bits_stored(array_of(frame), pixels)
    # In irreversible code streams a coefficient is a part of the range that the precision says.
    # The library takes the bits of the type for it, so the samples have to fill these bits.
    wide = _around_zero(samples, pixels) << (8 * samples.itemsize - pixels.bits_stored)
    step = min(1.0, _COARSE * 10 ** (-loss.amount / 20))
    while step > _FINEST:
        data = _encoded(wide, pixels, step=step)
        told = transformed(pixels, "YBR_ICT")
        if _signal_to_noise(samples, decode(data, told)) >= loss.amount:
            return Frame(data, told)
        step *= _FINER
    raise UnreadableInstance(f"the library does not reach {loss.amount:g} dB")


def _encoded(samples: NDArray[Any], pixels: PixelFormat, *, step: float | None) -> bytes:
    with swallowed_errors_raised():
        data = imagecodecs.htj2k_encode(
            samples,
            level=step,
            rgb=pixels.photometric_interpretation == "RGB",
            planar=False,
            resolutions=_levels(pixels),
            reversible=step is None,
            tlm=True,
        )
    data = with_precision(bytes(data), pixels.bits_stored, signed=pixels.signed)
    _check(data, pixels, reversible=step is None)
    return data


def _signal_to_noise(samples: NDArray[Any], decoded: Frame) -> float:
    """The peak signal-to-noise ratio in dB, infinite where nothing is lost."""
    difference = samples.astype(np.float64) - array_of(decoded)
    mean_square = float(np.square(difference, out=difference).mean())
    peak = (1 << decoded.pixels.bits_stored) - 1
    return 10 * math.log10(peak**2 / mean_square) if mean_square else math.inf


def _around_zero(samples: NDArray[Any], pixels: PixelFormat) -> NDArray[Any]:
    """Signed samples. The library takes their type for their precision otherwise."""
    if pixels.signed:
        return samples
    half = 1 << pixels.bits_stored - 1
    around: NDArray[Any] = (samples - samples.dtype.type(half)).view(f"<i{samples.itemsize}")
    return around


def _levels(pixels: PixelFormat) -> int:
    """Decompositions until the image is a thumbnail."""
    levels = _USUAL_LEVELS
    while max(pixels.rows, pixels.columns) > _THUMBNAIL << levels:
        levels += 1
    return levels


def _check(data: bytes, pixels: PixelFormat, *, reversible: bool) -> None:
    """What the transfer syntax demands must be there, also in a later version of the library."""
    stream = read_code_stream(data)
    stream.check(pixels)
    demanded = (
        stream.reversible == reversible,
        stream.progression == RPCL,
        stream.tile_part_lengths,
        stream.levels >= _levels(pixels),
        stream.colour_transformed == (pixels.photometric_interpretation == "RGB"),
    )
    if not all(demanded):
        raise UnreadableInstance("the library encodes otherwise than the transfer syntax demands")
