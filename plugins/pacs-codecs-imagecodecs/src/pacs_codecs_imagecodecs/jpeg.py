"""JPEG Baseline and Extended (PS3.5 A.4.1), by libjpeg-turbo."""

from __future__ import annotations

from dataclasses import replace

import imagecodecs

from pacs_codecs_imagecodecs.jpeg_markers import read_header
from pacs_codecs_imagecodecs.samples import (
    array_of,
    clipped,
    native,
    room,
    sample_bytes,
    within_bits_stored,
)
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.pixels import PixelFormat

__all__ = ["decode", "encode_lossy"]


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame; colour stays as it is in the code stream."""
    header = read_header(data)
    header.check(pixels)
    space = None if pixels.samples_per_pixel == 1 else "YCBCR"
    samples = imagecodecs.jpeg8_decode(
        data,
        colorspace=space,
        outcolorspace=space,  # the same: no transformation
        out=room(pixels, sample_bytes(header.precision)),
    )
    samples = clipped(samples, header.precision, pixels)
    return native(samples, pixels, header.colour(pixels.photometric_interpretation))


def encode_lossy(frame: Frame, loss: Loss) -> Frame:
    """The frame in a quality of libjpeg's scale; colour as YBR_FULL_422 (PS3.5 8.2.1)."""
    pixels = frame.pixels
    colour = pixels.samples_per_pixel > 1
    space = "RGB" if pixels.photometric_interpretation == "RGB" else "YCBCR"
    data = imagecodecs.jpeg8_encode(
        within_bits_stored(array_of(frame), pixels),
        level=round(loss.amount),
        colorspace=space if colour else None,
        outcolorspace="YCBCR" if colour else None,
        subsampling="422" if colour else None,
        bitspersample=pixels.bits_stored,
    )
    told = "YBR_FULL_422" if colour else pixels.photometric_interpretation
    return Frame(
        bytes(data), replace(pixels, photometric_interpretation=told, planar_configuration=0)
    )
