"""Frames read one at a time, of every layout."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered import image, read

from pacs_framework.codecs.codec import Frame
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.frames import NoSuchFrame, read_stored_image, wanted_frames
from pacs_framework.rendering.samples import cells_of

NATIVE = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
BIG_ENDIAN = NATIVE[3]
RLE = "1.2.840.10008.1.2.5"


@pytest.mark.parametrize("syntax", NATIVE)
def test_frames_are_the_same_in_every_native_transfer_syntax(syntax) -> None:
    values = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4) * 1000
    ds = image(values, frames=2)
    if syntax == BIG_ENDIAN:
        ds.PixelData = values.byteswap().tobytes()
    found = read(ds, syntax)
    assert found.number_of_frames == 2
    frames = dict(found.frames(range(1, 3)))
    assert [cells_of(frames[number]).tolist() for number in (1, 2)] == values.tolist()


@given(
    st.integers(1, 5), st.integers(1, 7), st.integers(1, 5), st.integers(0, 2**32 - 1), st.data()
)
@settings(max_examples=60, deadline=None)
def test_frames_of_single_bits_begin_anywhere(rows, columns, number, seed, data) -> None:
    """No frame of them is padded (PS3.5 8.1.1); each comes with its first bit lowest."""
    bits = np.random.default_rng(seed).integers(0, 2, (number, rows, columns), dtype=np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little")[None]
    ds = image(packed, Rows=rows, Columns=columns, BitsAllocated=1, BitsStored=1, HighBit=0)
    ds.NumberOfFrames = number
    wanted = data.draw(st.integers(1, number))
    [(found, frame)] = read(ds).frames(range(wanted, wanted + 1))
    assert found == wanted
    assert np.array_equal(cells_of(frame), bits[wanted - 1])
    assert bytes(frame.data) == np.packbits(bits[wanted - 1].ravel(), bitorder="little").tobytes()


def encapsulated(frames: list[bytes]) -> bytes:
    items = [b"", *frames]
    packed = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    return packed + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


class Counting:
    """A decoder that remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def decodes(self, transfer_syntax) -> bool:
        return True

    def decode(self, frame, transfer_syntax, pixels) -> Frame:
        self.seen.append(bytes(frame))
        return Frame(bytes(pixels.frame_bytes), pixels)


def compressed(frames: list[bytes]) -> io.BytesIO:
    ds = image(np.zeros((len(frames), 2, 2), np.uint8), frames=len(frames))
    del ds.PixelData
    tail = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + encapsulated(frames)
    return io.BytesIO(encode_identifier(ds, RLE) + tail)


def test_only_wanted_frames_are_decoded() -> None:
    decoder = Counting()
    found = read_stored_image(compressed([b"one.", b"two.", b"3333"]), RLE, decoder)
    assert [number for number, _ in found.frames(range(2, 3))] == [2]
    assert decoder.seen == [b"two."]


def test_too_many_frames_are_told_when_all_were_taken() -> None:
    source = compressed([b"one.", b"two."])
    data = source.getvalue()[:-8] + encapsulated([])[:8] + encapsulated([])[-8:]
    found = read_stored_image(io.BytesIO(data), RLE, Counting())
    with pytest.raises(UnreadableInstance, match="more than the 2 frames"):
        list(found.frames(range(1, 3)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Rows": 0}, "an image of 0 rows and 4 columns"),
        ({"Rows": 5}, "12 bytes of pixel data, where the header says 1 frames that take 20"),
        ({"Rows": 1}, "12 bytes of pixel data, where the header says 1 frames that take 4"),
        ({"BitsStored": 9}, "Bits Stored is 9 up to High Bit 7, of 8 allocated"),
        ({"BitsStored": 8, "HighBit": 3}, "Bits Stored is 8 up to High Bit 3"),
        ({"BitsAllocated": 12}, "Bits Allocated is 12, not 1, 8, 16 or 32"),
        ({"SamplesPerPixel": 4}, "4 samples per pixel, not 1 or 3"),
        ({"NumberOfFrames": "0"}, "Number of Frames is 0"),
        ({"PlanarConfiguration": 2}, "Planar Configuration is 2"),
        ({"Columns": None}, "Columns is missing or not what it has to be"),
        ({"Rows": 65535, "Columns": 65535}, "more than .* are not read"),
    ],
)
def test_a_header_that_contradicts_the_pixels_is_told(change, told) -> None:
    ds = image(np.zeros((3, 4), np.uint8), **change)
    with pytest.raises(UnreadableInstance, match=told):
        read(ds)


def test_padding_below_a_frame_is_passed_over() -> None:
    ds = image(np.arange(12, dtype=np.uint8).reshape(3, 4))
    ds.PixelData += bytes(10)
    [(_, frame)] = read(ds).frames(range(1, 2))
    assert bytes(frame.data) == bytes(range(12))


def test_pixel_data_that_are_cut_off_are_told() -> None:
    data = encode_identifier(image(np.zeros((3, 4), np.uint8)), NATIVE[1])[:-3]
    found = read_stored_image(io.BytesIO(data), NATIVE[1], Counting())
    with pytest.raises(UnreadableInstance, match="end inside frame 1"):
        list(found.frames(range(1, 2)))


def test_a_frame_that_is_not_there_is_told() -> None:
    assert wanted_frames(None, 3) == range(1, 4)
    assert wanted_frames(3, 3) == range(3, 4)
    for number in (0, 4):
        with pytest.raises(NoSuchFrame, match=f"there is no frame {number}: the image has 3"):
            wanted_frames(number, 3)
