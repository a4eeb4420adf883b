"""JPEG XL, lossless, from JPEG, and lossy (PS3.5 A.4.12), by libjxl."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import imagecodecs
from numpy.typing import NDArray

from pacs_codecs_imagecodecs.samples import (
    array_of,
    narrowed,
    native,
    room,
    within_bits_stored,
)
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.pixels import PixelFormat

__all__ = ["decode", "encode", "encode_lossy"]

# Ten times as fast as the next one, and within a few per cent of its size.
_EFFORT = 1
_LOSSY_EFFORT = 3
_OTHER_TYPE = "out.dtype"


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame. Colour comes as RGB, whatever the code stream has (PS3.5 8.2.15)."""
    colour = "RGB" if pixels.samples_per_pixel > 1 else pixels.photometric_interpretation
    return native(_decoded(data, pixels), pixels, colour)


def _decoded(data: bytes, pixels: PixelFormat) -> NDArray[Any]:
    """In the bits that are allocated, or in 8 where the image has no more."""
    try:
        return imagecodecs.jpegxl_decode(
            data, numthreads=1, out=room(pixels, min(2, pixels.bits_allocated // 8))
        )
    except ValueError as error:
        if _OTHER_TYPE not in str(error):
            raise
    return imagecodecs.jpegxl_decode(data, numthreads=1, out=room(pixels, 1))


def encode(frame: Frame) -> Frame:
    """The frame without loss, and without a transformation of colour that would show."""
    pixels = frame.pixels
    data = imagecodecs.jpegxl_encode(
        narrowed(within_bits_stored(array_of(frame), pixels), pixels.bits_stored),
        lossless=True,
        effort=_EFFORT,
        bitspersample=pixels.bits_stored,
        usecontainer=False,
        numthreads=1,
    )
    return Frame(bytes(data), replace(pixels, planar_configuration=0))


def encode_lossy(frame: Frame, loss: Loss) -> Frame:
    """The frame in a quality of libjxl's scale; RGB becomes XYB (PS3.3 C.7.6.3.1.2)."""
    pixels = frame.pixels
    data = imagecodecs.jpegxl_encode(
        narrowed(within_bits_stored(array_of(frame), pixels), pixels.bits_stored),
        level=math.ceil(loss.amount),
        lossless=False,
        effort=_LOSSY_EFFORT,
        bitspersample=pixels.bits_stored,
        usecontainer=False,
        numthreads=1,
    )
    colour = "XYB" if pixels.samples_per_pixel > 1 else pixels.photometric_interpretation
    told = replace(pixels, photometric_interpretation=colour, planar_configuration=0)
    return Frame(bytes(data), told)
