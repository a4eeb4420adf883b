"""JPEG Baseline and Extended (PS3.5 A.4.1), by libjpeg-turbo."""

from __future__ import annotations

import imagecodecs

from pacs_codecs_imagecodecs.jpeg_markers import read_header
from pacs_codecs_imagecodecs.samples import native, room, sample_bytes
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat

__all__ = ["decode"]


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
    return native(samples, pixels, header.colour(pixels.photometric_interpretation))
