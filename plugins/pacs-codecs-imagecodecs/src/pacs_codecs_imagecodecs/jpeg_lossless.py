"""Lossless JPEG (PS3.5 A.4.1), processes 14 and 14 with selection value 1, by libjpeg-turbo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs_codecs_imagecodecs.jpeg_markers import read_header
from pacs_codecs_imagecodecs.samples import (
    array_of,
    bit_patterns,
    narrowed,
    native,
    room,
    sample_bytes,
    sign_extended,
    within_bits_stored,
)
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["decode", "encode"]

_SELECTION_VALUE = 1  # what 1.2.840.10008.1.2.4.70 demands and .57 allows


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame. Raises `UnreadableInstance` for what is not lossless, too."""
    header = read_header(data)
    header.check(pixels)
    if not header.lossless:
        raise UnreadableInstance("a lossy JPEG image in a lossless transfer syntax")
    samples = _samples(data, pixels, sample_bytes(header.precision))
    if pixels.signed:
        samples = sign_extended(samples, min(header.precision, pixels.bits_stored), pixels)
    return native(samples, pixels, header.colour(pixels.photometric_interpretation))


def _samples(data: bytes, pixels: PixelFormat, size: int) -> NDArray[Any]:
    space = None if pixels.samples_per_pixel == 1 else "YCBCR"
    found: NDArray[Any] = imagecodecs.jpeg8_decode(
        data,
        colorspace=space,
        outcolorspace=space,  # the same: no transformation
        out=room(pixels, size),
    )
    return found


def encode(frame: Frame) -> Frame:
    """The frame as a lossless image, without a transformation of colour."""
    pixels = frame.pixels
    patterns = bit_patterns(within_bits_stored(array_of(frame), pixels), pixels)
    samples = narrowed(patterns, pixels.bits_stored)
    space = _space(pixels)
    data = bytes(
        imagecodecs.jpeg8_encode(
            samples,
            lossless=True,
            predictor=_SELECTION_VALUE,
            bitspersample=pixels.bits_stored,
            colorspace=space,
            outcolorspace=space,
        )
    )
    # A tenth of the time, for a library that writes what it cannot read for some colour spaces.
    if not np.array_equal(_samples(data, pixels, samples.itemsize), samples):
        raise UnreadableInstance("the library encodes with loss")
    return Frame(data, replace(pixels, planar_configuration=0))


def _space(pixels: PixelFormat) -> str | None:
    """Given twice, for no transformation; the first one makes the marker that tells of colour.

    Called YCbCr, the chrominance gets a Huffman table of its own, which does not fit it.
    """
    if pixels.samples_per_pixel == 1:
        return None
    return "RGB" if pixels.photometric_interpretation == "RGB" else "UNKNOWN"
