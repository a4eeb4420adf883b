"""Deflated Image Frame Compression, 1.2.840.10008.1.2.8.1 (PS3.5 8.2.16 and A.4.13).

A codec sees one frame at a time; fragments, offset tables and the attributes of the image are the
archive's. It runs in a process of its own, where it may crash without harm, and is pickled there.
"""

from __future__ import annotations

import zlib

from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["DeflatedFrames"]

_RAW_STREAM = -zlib.MAX_WBITS  # neither the header nor the checksum of zlib


class DeflatedFrames(Codec):
    """Decodes and encodes with zlib."""

    name = "zlib"
    transfer_syntax = "1.2.840.10008.1.2.8.1"
    encodes = True

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        """The native frame. Raises `UnreadableInstance` for what is no stream, or of other size."""
        size = pixels.frame_bytes
        stream = zlib.decompressobj(_RAW_STREAM)
        try:
            # One byte more than is wanted: a stream that goes on is found out, and not followed.
            native = stream.decompress(bytes(frame), size + 1)
        except zlib.error as error:
            raise UnreadableInstance(f"zlib: {error}") from error
        if len(native) != size:
            raise UnreadableInstance(f"zlib: the stream is not one of {size} bytes")
        return Frame(native, pixels)

    def encode(self, frame: Frame) -> Frame:
        """The frame as one stream, padded to an even length."""
        stream = zlib.compressobj(wbits=_RAW_STREAM)
        data = stream.compress(bytes(frame.data)) + stream.flush()
        return Frame(data + b"\0" * (len(data) % 2), frame.pixels)
