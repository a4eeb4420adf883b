"""Data sets made compressed ones."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.filereader import read_dataset

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.encapsulating import EncapsulatedFrames
from pacs_framework.codecs.image import CompressedImage, read_image
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import NoPixelData, Transcoding
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import (
    EXPLICIT,
    IMPLICIT,
    RLE,
    SYNTAX,
    Mirror,
    encapsulated,
    image,
    item,
    mirrored,
)

BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
FIRST, SECOND = bytes(range(12)), bytes(range(100, 112))
COLOUR = {
    "SamplesPerPixel": 3,
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
    "PhotometricInterpretation": "RGB",
    "PlanarConfiguration": 1,
}


def transcoding(*codecs: Mirror) -> Transcoding:
    registry = CodecRegistry()
    registry.add(codecs or [Mirror(), Mirror(RLE)], plugin="test")
    return Transcoding(registry, encoder=registry)


def native(header: Dataset, frames: Sequence[bytes], rest: bytes = b"") -> bytes:
    """The data set in explicit VR little endian with these pixels."""
    value = b"".join(frames)
    value += b"\0" * (len(value) % 2)
    element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, len(value))
    return encode_identifier(header, EXPLICIT) + element + value + rest


def converted(data: bytes, stored: str, target: str, *codecs: Mirror) -> Dataset:
    pieces = transcoding(*codecs).convert(io.BytesIO(data), stored, target)
    return read_dataset(io.BytesIO(b"".join(pieces)), target == IMPLICIT, target != BIG_ENDIAN)


def frames(dataset: Dataset) -> list[bytes]:
    return list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))


@pytest.mark.parametrize("stored", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_native_frames_are_encoded_in_order(stored: str) -> None:
    """From every uncompressed transfer syntax; pydicom finds them."""
    source = native(image(2), [FIRST, SECOND])
    data = b"".join(transcoding().convert(io.BytesIO(source), EXPLICIT, stored))
    compressed = converted(data, stored, SYNTAX)
    assert frames(compressed) == [mirrored(FIRST), mirrored(SECOND)]
    assert compressed["PixelData"].VR == "OB"
    assert compressed["PixelData"].is_undefined_length


def test_the_basic_offset_table_says_where_frames_begin() -> None:
    compressed = converted(native(image(2), [FIRST, SECOND]), EXPLICIT, SYNTAX)
    assert parse_basic_offsets(compressed.PixelData) == [0, 8 + len(mirrored(FIRST))]


def test_a_frame_of_odd_length_gets_a_null_byte() -> None:
    odd = image(2, Rows=1, BitsAllocated=8, BitsStored=8)
    compressed = converted(native(odd, [b"abc", b"def"]), EXPLICIT, RLE)
    assert frames(compressed) == [mirrored(b"abc") + b"\0", mirrored(b"def") + b"\0"]


def test_one_compressed_syntax_becomes_another() -> None:
    """Each frame is decoded and encoded; the tables of the old one go."""
    header = image(2, ExtendedOffsetTable=bytes(16), ExtendedOffsetTableLengths=bytes(16))
    data = encapsulated(header, [mirrored(FIRST), mirrored(SECOND)])
    compressed = converted(data, SYNTAX, RLE)
    assert frames(compressed) == [mirrored(FIRST), mirrored(SECOND)]
    assert "ExtendedOffsetTable" not in compressed


def test_the_same_syntax_stays_byte_for_byte() -> None:
    data = encapsulated(image(), [mirrored(FIRST)])
    assert b"".join(transcoding().convert(io.BytesIO(data), SYNTAX, SYNTAX)) == data


def test_pixels_are_described_as_the_encoder_left_them() -> None:
    class Transforming(Mirror):
        def encode(self, frame: Frame) -> Frame:
            pixels = replace(
                frame.pixels, photometric_interpretation="YBR_RCT", planar_configuration=0
            )
            return Frame(super().encode(frame).data, pixels)

    compressed = converted(
        native(image(**COLOUR), [bytes(18)]), EXPLICIT, SYNTAX, Transforming(SYNTAX)
    )
    assert compressed.PhotometricInterpretation == "YBR_RCT"
    assert compressed.PlanarConfiguration == 0


def test_everything_else_stays() -> None:
    header = image(PatientName="Doe^Jane", WindowCenter="40", SmallestImagePixelValue=3)
    padding = b"\xfc\xff\xfc\xffOB\0\0\x04\0\0\0\0\0\0\0"
    compressed = converted(native(header, [FIRST], padding), EXPLICIT, SYNTAX)
    assert compressed.DataSetTrailingPadding == bytes(4)
    del compressed.PixelData, compressed.DataSetTrailingPadding
    assert compressed == header


@given(
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 7)),
    number=st.integers(1, 6),
    allocated=st.sampled_from([8, 16, 32]),
    seed=st.randoms(use_true_random=False),
)
def test_there_and_back_is_the_same(
    sizes: tuple[int, int], number: int, allocated: int, seed: object
) -> None:
    """For any size and number of frames, from and to native."""
    rows, columns = sizes
    header = image(
        number, Rows=rows, Columns=columns, BitsAllocated=allocated, BitsStored=allocated
    )
    pixels = [
        seed.randbytes(rows * columns * allocated // 8)  # type: ignore[attr-defined]
        for _ in range(number)
    ]
    data = native(header, pixels)
    compressed = b"".join(transcoding().convert(io.BytesIO(data), EXPLICIT, RLE))
    back = converted(compressed, RLE, EXPLICIT)
    assert back.PixelData == b"".join(pixels) + b"\0" * (sum(map(len, pixels)) % 2)


def test_a_table_that_is_too_small_for_the_offsets_gives_way_to_the_extended_one() -> None:
    """PS3.3 C.7.6.3.1.8: then the basic one is empty."""
    gathered = EncapsulatedFrames(longest_offset=20)
    for frame in (b"1a1b", b"2a2", b"3a"):
        gathered.add(frame)
    header = image(3)
    gathered.describe(header)
    assert struct.unpack("<3Q", header.ExtendedOffsetTable) == (0, 12, 24)
    assert struct.unpack("<3Q", header.ExtendedOffsetTableLengths) == (4, 4, 2)
    data = encode_identifier(header, EXPLICIT) + b"".join(gathered.element())
    gathered.close()
    found = read_image(io.BytesIO(data), SYNTAX)
    assert isinstance(found, CompressedImage)
    assert list(found.frames) == [b"1a1b", b"2a2\0", b"3a"]
    (value,) = {read_dataset(io.BytesIO(data), False, True).PixelData}
    assert parse_basic_offsets(value) == []


def test_memory_stays_bounded_by_a_frame_and_a_buffer() -> None:
    number, size = 96, 1 << 20
    header = image(number, Rows=1024, Columns=512)

    class Pixels:
        """A data set of 96 MiB that is nowhere in memory."""

        def __init__(self) -> None:
            element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, number * size)
            self.start = io.BytesIO(encode_identifier(header, EXPLICIT) + element)
            self.left = number * size

        def read(self, wanted: int = -1) -> bytes:
            if start := self.start.read(wanted):
                return start
            piece = bytes(min(wanted, self.left))
            self.left -= len(piece)
            return piece

    tracemalloc.start()
    try:
        pieces = transcoding().convert(Pixels(), EXPLICIT, RLE)
        written = sum(len(piece) for piece in pieces)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert written > number * size
    assert most < 48 << 20


def test_icons_of_a_compressed_image_become_native() -> None:
    """Which they may be in every transfer syntax (PS3.5 A.4)."""
    icon = image()
    icon.add_new(0x7FE00010, "OB", item(b"") + item(mirrored(FIRST)))
    icon["PixelData"].is_undefined_length = True
    header = image(2, IconImageSequence=[icon])
    data = encapsulated(header, [mirrored(FIRST), mirrored(SECOND)])
    compressed = converted(data, SYNTAX, RLE)
    assert compressed.IconImageSequence[0].PixelData == FIRST


def test_what_has_no_pixel_data_cannot_be_compressed() -> None:
    report = Dataset()
    report.SOPInstanceUID = "1.2.3.4"
    with pytest.raises(NoPixelData, match="no pixel data, which RLE Lossless is for"):
        converted(encode_identifier(report, EXPLICIT), EXPLICIT, RLE)


@pytest.mark.parametrize("stored", [EXPLICIT, SYNTAX])
def test_an_image_without_pixel_data_is_cut_off(stored: str) -> None:
    with pytest.raises(UnreadableInstance, match="may be cut off"):
        converted(encode_identifier(image(), EXPLICIT), stored, RLE)


def test_a_lossy_target_is_refused() -> None:
    made = transcoding(Mirror("1.2.840.10008.1.2.4.91"))
    with pytest.raises(ValueError, match="may lose information"):
        made.convert(io.BytesIO(), EXPLICIT, "1.2.840.10008.1.2.4.91")


def test_a_target_that_nobody_encodes_is_refused() -> None:
    with pytest.raises(ValueError, match="no installed codec encodes JPEG-LS"):
        transcoding().convert(io.BytesIO(), EXPLICIT, "1.2.840.10008.1.2.4.80")
    with pytest.raises(ValueError, match="no installed codec encodes RLE"):
        Transcoding(CodecRegistry()).convert(io.BytesIO(), EXPLICIT, RLE)


def test_receivers_get_native_pixels_before_compressed_ones() -> None:
    """And those without loss that somebody encodes, never the one that is stored."""
    *native, _, _ = made = transcoding().targets(EXPLICIT)
    assert set(native) == UNCOMPRESSED - {EXPLICIT}
    assert set(made) - UNCOMPRESSED == {SYNTAX, RLE}
    assert RLE not in transcoding().targets(RLE)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (native(image(3), [FIRST, SECOND]), "24 bytes of pixel data"),
        (native(image(2), [FIRST, SECOND, b"more"]), "28 bytes of pixel data"),
        (native(image(2), [FIRST, SECOND])[:-3], "pixel data"),
        (
            native(
                image(**COLOUR | {"PhotometricInterpretation": "YBR_FULL_422"}, Columns=4),
                [bytes(16)],
            ),
            "YBR_FULL_422",
        ),
        (native(image(BitsAllocated=4, BitsStored=4), [b"\0\0"]), "Bits Allocated is 4"),
        (
            native(image(), [FIRST]).replace(b"\xe0\x7f\x10\0OW", b"\xe0\x7f\x08\0OF"),
            "float pixel data",
        ),
    ],
)
def test_native_pixel_data_that_are_not_what_the_header_says_are_an_error(
    data: bytes, told: str
) -> None:
    """Before anything is written, so that nothing is lost or made up."""
    with pytest.raises(UnreadableInstance, match=told):
        transcoding().convert(io.BytesIO(data), EXPLICIT, RLE)


def test_encapsulated_pixels_in_a_native_syntax_are_an_error() -> None:
    data = encapsulated(image(), [mirrored(FIRST)])
    with pytest.raises(UnreadableInstance, match="encapsulated pixel data"):
        transcoding().convert(io.BytesIO(data), EXPLICIT, RLE)


def test_native_pixels_in_a_compressed_syntax_are_compressed() -> None:
    compressed = converted(native(image(2), [FIRST, SECOND]), SYNTAX, RLE)
    assert frames(compressed) == [mirrored(FIRST), mirrored(SECOND)]
