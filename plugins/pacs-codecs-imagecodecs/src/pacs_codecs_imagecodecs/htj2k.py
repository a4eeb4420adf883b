"""High-Throughput JPEG 2000 (PS3.5 A.4.11), by OpenJPH.

What is encoded suits both lossless transfer syntaxes: RPCL progression, tile-part lengths, and as
many levels as a thumbnail needs are what 1.2.840.10008.1.2.4.202 demands (PS3.5 10.18) and .201
allows.
"""

from __future__ import annotations

from typing import Any

import imagecodecs
from numpy.typing import NDArray

from pacs_codecs_imagecodecs.code_stream import RPCL, read_code_stream, with_precision
from pacs_codecs_imagecodecs.jpeg_2000 import transformed, unpacked
from pacs_codecs_imagecodecs.samples import array_of, room, sample_bytes, within_bits_stored
from pacs_codecs_imagecodecs.swallowed import swallowed_errors_raised
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["decode", "encode"]

_USUAL_LEVELS = 5
_THUMBNAIL = 64  # rows and columns that the lowest resolution has at most


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame; the transformations of colour that belong to JPEG 2000 are undone."""
    stream = read_code_stream(data)
    stream.check(pixels)
    with swallowed_errors_raised():
        samples = imagecodecs.htj2k_decode(
            data, planar=False, out=room(pixels, sample_bytes(stream.precision))
        )
    return unpacked(samples, stream, pixels)


def encode(frame: Frame) -> Frame:
    """The frame without loss; RGB becomes YBR_RCT (PS3.3 C.7.6.3.1.2)."""
    pixels = frame.pixels
    samples = _signed(within_bits_stored(array_of(frame), pixels), pixels)
    with swallowed_errors_raised():
        data = imagecodecs.htj2k_encode(
            samples,
            rgb=pixels.photometric_interpretation == "RGB",
            planar=False,
            resolutions=_levels(pixels),
            reversible=True,
            tlm=True,
        )
    data = with_precision(bytes(data), pixels.bits_stored, signed=pixels.signed)
    _check(data, pixels)
    return Frame(data, transformed(pixels))


def _signed(samples: NDArray[Any], pixels: PixelFormat) -> NDArray[Any]:
    """Samples around zero. The library takes their type for their precision otherwise."""
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


def _check(data: bytes, pixels: PixelFormat) -> None:
    """What the transfer syntax demands must be there, also in a later version of the library."""
    stream = read_code_stream(data)
    stream.check(pixels)
    demanded = (
        stream.reversible,
        stream.progression == RPCL,
        stream.tile_part_lengths,
        stream.levels >= _levels(pixels),
        stream.colour_transformed == (pixels.photometric_interpretation == "RGB"),
    )
    if not all(demanded):
        raise UnreadableInstance("the library encodes otherwise than the transfer syntax demands")
