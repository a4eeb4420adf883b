"""The contract, and what is this codec's own: the stream, and bombs."""

from __future__ import annotations

import zlib

import pytest
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

from pacs_samplename.contract import TestDeflatedFrames  # noqa: F401 - collected here
from pacs_samplename.deflated import DeflatedFrames

PIXELS = PixelFormat(rows=4, columns=6, bits_allocated=16, bits_stored=12)
NATIVE = bytes(range(PIXELS.frame_bytes))


def test_the_stream_has_neither_header_nor_checksum() -> None:
    """As RFC 1951 has it, not RFC 1950; any inflater reads it."""
    data = bytes(DeflatedFrames().encode(Frame(NATIVE, PIXELS)).data)
    assert zlib.decompressobj(-15).decompress(data) == NATIVE
    assert len(data) % 2 == 0


@pytest.mark.parametrize("size", [0, 1, len(NATIVE) - 1, len(NATIVE) + 1, 100_000_000])
def test_a_stream_of_another_length_is_no_frame(size: int) -> None:
    """The last one is a bomb, of which no more than a frame is inflated."""
    stream = zlib.compressobj(wbits=-15)
    data = stream.compress(bytes(size)) + stream.flush()
    with pytest.raises(UnreadableInstance, match="not one of 48 bytes"):
        DeflatedFrames().decode(data, PIXELS)
