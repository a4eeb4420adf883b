"""JPEG 2000, lossless and lossy (PS3.5 A.4.4), by OpenJPEG."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import imagecodecs
from numpy.typing import NDArray

from pacs_codecs_imagecodecs.code_stream import CodeStream, read_code_stream
from pacs_codecs_imagecodecs.samples import (
    array_of,
    clipped,
    native,
    room,
    sample_bytes,
    sign_extended,
    within_bits_stored,
)
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["decode", "encode", "encode_lossy", "transformed", "unpacked"]

_TRANSFORMED = frozenset(("YBR_ICT", "YBR_RCT"))


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame; the transformations of colour that belong to JPEG 2000 are undone."""
    stream = read_code_stream(data)
    stream.check(pixels)
    samples = imagecodecs.jpeg2k_decode(
        data, planar=False, numthreads=1, out=room(pixels, sample_bytes(stream.precision))
    )
    return unpacked(samples, stream, pixels)


def unpacked(samples: NDArray[Any], stream: CodeStream, pixels: PixelFormat) -> Frame:
    """The decoded ``samples`` with the sign that the header of the instance gives them."""
    if stream.signed != pixels.signed:
        samples = sign_extended(samples, stream.precision, pixels)
    if not stream.reversible:
        samples = clipped(samples, stream.precision, pixels)
    stated = pixels.photometric_interpretation
    return native(samples, pixels, "RGB" if stated in _TRANSFORMED else stated)


def encode(frame: Frame) -> Frame:
    """The frame without loss; RGB becomes YBR_RCT (PS3.3 C.7.6.3.1.2)."""
    data = _encoded(frame, level=0)
    if not read_code_stream(data).reversible:
        raise UnreadableInstance("the library encodes with loss")
    return Frame(data, transformed(frame.pixels, "YBR_RCT"))


def encode_lossy(frame: Frame, loss: Loss) -> Frame:
    """The frame with a signal-to-noise ratio of so many dB; RGB becomes YBR_ICT."""
    data = _encoded(frame, level=math.ceil(loss.amount))
    if read_code_stream(data).reversible:
        raise UnreadableInstance("the library encodes without the irreversible transformation")
    return Frame(data, transformed(frame.pixels, "YBR_ICT"))


def _encoded(frame: Frame, *, level: int) -> bytes:
    pixels = frame.pixels
    return bytes(
        imagecodecs.jpeg2k_encode(
            within_bits_stored(array_of(frame), pixels),
            level=level,
            codecformat="J2K",
            bitspersample=pixels.bits_stored,
            reversible=not level,
            mct=pixels.photometric_interpretation == "RGB",
            numthreads=1,
        )
    )


def transformed(pixels: PixelFormat, rgb_becomes: str) -> PixelFormat:
    """What the pixels are when they are encoded."""
    colour = pixels.photometric_interpretation
    return replace(
        pixels,
        photometric_interpretation=rgb_becomes if colour == "RGB" else colour,
        planar_configuration=0,
    )
