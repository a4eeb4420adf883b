"""Deflated Image Frame Compression (PS3.5 A.4.13), by libdeflate."""

from __future__ import annotations

import imagecodecs

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["decode", "encode"]


def decode(data: bytes, pixels: PixelFormat) -> Frame:
    """The native frame, byte by byte what it was; never more room than it takes."""
    found = imagecodecs.deflate_decode(data, raw=True, out=pixels.frame_bytes)
    if len(found) != pixels.frame_bytes:
        raise UnreadableInstance(
            f"{len(found)} bytes inflated, where the header says {pixels.frame_bytes}"
        )
    return Frame(bytes(found), pixels)


def encode(frame: Frame) -> Frame:
    """The frame deflated as it is."""
    if len(frame.data) != frame.pixels.frame_bytes:
        raise UnreadableInstance(
            f"a frame of {len(frame.data)} bytes, not {frame.pixels.frame_bytes}"
        )
    return Frame(bytes(imagecodecs.deflate_encode(bytes(frame.data), raw=True)), frame.pixels)
