"""Frames of single bits: packed in the archive, a byte for each pixel where they are compressed."""

from __future__ import annotations

import io
import random
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import largest_difference, samples_of
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.native import NativeImage, native_frames, read_native
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.single_bits import bits_from, coded, joined, of_bits
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import (
    EXPLICIT,
    NEAR,
    RLE,
    SYNTAX,
    Dimming,
    Mirror,
    encapsulated,
    image,
    mirrored,
)

DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
BITS = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "Columns": 5}
PIXELS = PixelFormat(rows=2, columns=5, bits_allocated=1, bits_stored=1)

# Three frames of 2 × 5 pixels: none but the first begins with a byte.
FRAMES = ([1, 0, 0, 1, 1, 0, 0, 0, 0, 1], [0] * 10, [1, 1, 1, 1, 1, 0, 1, 0, 1, 0])
PACKED = bytes([0b00011001, 0b00000010, 0b11110000, 0b00010101])


def single_bits() -> bytes:
    """A native image of these frames."""
    element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, len(PACKED))
    return encode_identifier(image(3, **BITS), EXPLICIT) + element + PACKED


def transcoding() -> Transcoding:
    registry = CodecRegistry()
    registry.add([Mirror(), Mirror(RLE), Mirror(DEFLATED_FRAMES)], plugin="test")
    return Transcoding(registry, encoder=registry)


def converted(data: bytes, stored: str, target: str) -> bytes:
    return b"".join(transcoding().convert(io.BytesIO(data), stored, target))


@pytest.mark.parametrize("syntax", [RLE, SYNTAX])
def test_a_compressed_frame_has_a_byte_for_each_pixel(syntax: str) -> None:
    """PS3.5 G.2: a pixel that is no byte gets zero bits until it is one."""
    made = read_dataset(io.BytesIO(converted(single_bits(), EXPLICIT, syntax)), False, True)
    fragments = list(generate_frames(made.PixelData, number_of_frames=3))
    assert [data[:12] for data in fragments] == [mirrored(bytes(frame)) for frame in FRAMES]
    assert (made.BitsAllocated, made.BitsStored, made.HighBit) == (1, 1, 0)


def test_deflated_frames_are_packed_each_on_its_own() -> None:
    """Deflate takes bytes as they are (PS3.5 8.2.16), and each frame is one stream (A.4.13)."""
    data = converted(single_bits(), EXPLICIT, DEFLATED_FRAMES)
    made = read_dataset(io.BytesIO(data), False, True)
    fragments = list(generate_frames(made.PixelData, number_of_frames=3))
    assert fragments == [mirrored(each) for each in (b"\x19\2", b"\0\0", b"\x5f\1")]


@pytest.mark.parametrize("syntax", [RLE, SYNTAX, DEFLATED_FRAMES])
def test_there_and_back_is_the_same_data_set(syntax: str) -> None:
    """Frames follow each other bit by bit again."""
    there = converted(single_bits(), EXPLICIT, syntax)
    assert converted(there, syntax, EXPLICIT) == single_bits()


def test_native_frames_begin_where_the_one_before_ends() -> None:
    found = read_native(io.BytesIO(single_bits()), EXPLICIT)
    assert isinstance(found, NativeImage)
    frames = [Frame(data, found.pixels) for data in found.frames]
    assert [list(samples_of(frame)) for frame in frames] == list(FRAMES)
    assert largest_difference(frames[0], frames[1]) == 1


@given(
    st.integers(1, 40).flatmap(
        lambda size: st.tuples(
            st.just(size), st.lists(st.integers(0, (1 << size) - 1), min_size=1, max_size=9)
        )
    )
)
def test_what_is_joined_is_taken_apart_again(sized: tuple[int, list[int]]) -> None:
    """Frames of any number of bits, without a bit between them or of the one before."""
    size, numbers = sized
    frames = [number.to_bytes((size + 7) // 8, "little") for number in numbers]
    data = b"".join(joined(iter(frames), size))
    assert len(data) == (size * len(frames) + 7) // 8
    assert list(native_frames(PieceStream(iter((data,))), len(frames), size)) == frames


@pytest.mark.parametrize("syntax", [RLE, DEFLATED_FRAMES])
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), data=st.randoms(use_true_random=False))
def test_what_a_codec_gets_means_the_same_bits(
    syntax: str, rows: int, columns: int, data: random.Random
) -> None:
    pixels = replace(PIXELS, rows=rows, columns=columns)
    number = data.getrandbits(rows * columns)
    frame = Frame(number.to_bytes(pixels.frame_bytes, "little"), pixels)
    assert of_bits(coded(frame, syntax), pixels, syntax) == frame


def test_bits_behind_the_last_pixel_are_nothing() -> None:
    """Whatever a stranger deflated there."""
    strange = Frame(b"\x19\xfe", replace(PIXELS, rows=1, columns=2, bits_allocated=8))
    assert of_bits(strange, PIXELS, DEFLATED_FRAMES).data == b"\x19\2"
    assert bits_from(b"\xff\xff", 3, 7) == b"\x7f"


def test_a_pixel_that_is_neither_0_nor_1_is_an_error() -> None:
    """Whether it was meant as 1 is not known."""
    fragments = [mirrored(b"\0\1\1\0\xff\0\0\0\0\0")]
    data = encapsulated(image(**BITS), fragments)
    with pytest.raises(UnreadableInstance, match="neither 0 nor 1"):
        converted(data, RLE, EXPLICIT)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"PixelRepresentation": 1}, "single bits with a sign"),
        (
            {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
            "single bits with a sign, or of colour",
        ),
        ({"BitsStored": 8}, "Bits Stored is 8 of 1"),
        ({"BitsAllocated": 4}, "Bits Allocated is 4"),
        ({"Rows": 60000, "Columns": 60000}, "more than 1073741824 are not decoded"),
        ({"NumberOfFrames": 5}, "4 bytes of pixel data, where the header says 5 frames that take"),
    ],
)
def test_what_is_no_image_of_single_bits_is_an_error(changed: dict[str, int], told: str) -> None:
    element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, len(PACKED))
    data = encode_identifier(image(3, **BITS | changed), EXPLICIT) + element + PACKED
    with pytest.raises(UnreadableInstance, match=told):
        converted(data, EXPLICIT, RLE)


def test_syntaxes_that_hold_no_single_bits_are_refused() -> None:
    """PS3.5 8.2 has them in three without loss; and none of them is a shade that may change."""
    registry = CodecRegistry()
    registry.add([Mirror(NEAR), Dimming(NEAR)], plugin="test")
    frame = Frame(b"\x19\2", PIXELS)
    with pytest.raises(UnreadableInstance, match="single bits are compressed by RLE Lossless"):
        registry.encode(frame, NEAR)
    with pytest.raises(UnreadableInstance, match="single bits are not compressed with loss"):
        registry.encode_lossy(frame, NEAR, Loss(Measure.NEAR, 1))
    with pytest.raises(UnreadableInstance, match="a frame of 3 bytes, not 2"):
        registry.encode(Frame(b"abc", PIXELS), RLE)
