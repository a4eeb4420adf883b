"""JPEG-LS, lossless and near-lossless (PS3.5 A.4.3), by CharLS."""

from __future__ import annotations

from dataclasses import replace

import imagecodecs
import numpy as np

from pacs_codecs_imagecodecs.jpeg_markers import read_header
from pacs_codecs_imagecodecs.samples import (
    array_of,
    bit_patterns,
    clipped,
    native,
    sign_extended,
)
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.pixels import PixelFormat

__all__ = ["decode", "encode", "encode_lossy"]

_HEADERS = 1 << 12


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame; JPEG-LS knows no sign, the header of the instance does."""
    header = read_header(data)
    header.check(pixels)
    samples = imagecodecs.jpegls_decode(data)
    if not header.interleaved:
        samples = np.moveaxis(samples, 0, -1)
    if pixels.signed:
        samples = sign_extended(samples, min(header.precision, pixels.bits_stored), pixels)
    elif header.near:
        samples = clipped(samples, header.precision, pixels)
    return native(samples, pixels, header.colour(pixels.photometric_interpretation))


def encode(frame: Frame) -> Frame:
    """The frame as a lossless image, without a transformation of colour."""
    return _encoded(frame, 0)


def encode_lossy(frame: Frame, loss: Loss) -> Frame:
    """The frame with no sample further from what it was than the loss says."""
    return _encoded(frame, int(loss.amount))


def _encoded(frame: Frame, near: int) -> Frame:
    samples = bit_patterns(array_of(frame), frame.pixels)
    # Noise grows; where the library is not told, it makes too little room for it.
    data = imagecodecs.jpegls_encode(samples, level=near, out=2 * samples.nbytes + _HEADERS)
    return Frame(bytes(data), replace(frame.pixels, planar_configuration=0))
