"""Compressed data sets made native ones."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import EXPLICIT, IMPLICIT, SYNTAX, Mirror, encapsulated, image, item, mirrored

FIRST, SECOND = bytes(range(12)), bytes(range(100, 112))


def transcoding(**options: str) -> Transcoding:
    registry = CodecRegistry()
    registry.add([Mirror(**options)], plugin="test")
    return Transcoding(registry)


def converted(data: bytes, target: str = EXPLICIT, **options: str) -> Dataset:
    pieces = transcoding(**options).convert(io.BytesIO(data), SYNTAX, target)
    read = io.BytesIO(b"".join(pieces))
    return read_dataset(read, is_implicit_VR=target == IMPLICIT, is_little_endian=True)


@pytest.mark.parametrize("target", [EXPLICIT, IMPLICIT])
def test_every_frame_is_decoded_in_order(target: str) -> None:
    data = encapsulated(image(2), [mirrored(FIRST), mirrored(SECOND)])
    native = converted(data, target)
    assert native.PixelData == FIRST + SECOND
    assert native["PixelData"].VR == "OW"
    assert native.NumberOfFrames == 2
    assert native.PhotometricInterpretation == "MONOCHROME2"


def test_the_pixels_are_described_as_they_are_now() -> None:
    colour = image(
        SamplesPerPixel=3,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        ExtendedOffsetTable=bytes(8),
        ExtendedOffsetTableLengths=bytes(8),
    )
    native = converted(encapsulated(colour, [mirrored(bytes(18))]), to="YBR_FULL")
    assert native.PhotometricInterpretation == "YBR_FULL"
    assert native["PixelData"].VR == "OB"
    assert "ExtendedOffsetTable" not in native
    assert "ExtendedOffsetTableLengths" not in native


def test_an_odd_number_of_bytes_is_padded() -> None:
    odd = image(Rows=1, Columns=3, BitsAllocated=8, BitsStored=8)
    native = converted(encapsulated(odd, [mirrored(b"abc")]))
    assert native.PixelData == b"abc\0"


def test_what_follows_the_pixel_data_stays() -> None:
    padding = b"\xfc\xff\xfc\xffOB\0\0\x04\0\0\0\0\0\0\0"
    data = encapsulated(image(), [mirrored(FIRST)], rest=padding)
    pieces = b"".join(transcoding().convert(io.BytesIO(data), SYNTAX, EXPLICIT))
    assert pieces.endswith(padding)


def test_everything_else_stays_byte_for_byte() -> None:
    header = image(PatientName="Doe^Jane", StudyDescription="x" * 40)
    header.add_new(0x00091001, "UN", b"\x01\x02private\x00")
    native = converted(encapsulated(header, [mirrored(FIRST)]))
    del native.PixelData
    assert native == header


def test_icons_are_decoded_too_and_one_that_cannot_be_is_left_out() -> None:
    for fragment, expected in ((mirrored(FIRST), FIRST), (b"bad!", None)):
        icon = image()
        icon.add_new(0x7FE00010, "OB", item(b"") + item(fragment))
        icon["PixelData"].is_undefined_length = True
        header = image(IconImageSequence=Sequence([icon]))
        native = converted(encapsulated(header, [mirrored(FIRST)]))
        if expected is None:
            assert "IconImageSequence" not in native
        else:
            assert native.IconImageSequence[0].PixelData == expected


def test_a_data_set_without_pixel_data_is_a_data_set() -> None:
    assert converted(encode_identifier(image(), EXPLICIT)) == image()


def test_the_first_frame_is_decoded_before_anything_is_sent() -> None:
    """So that a damaged image costs a sub-operation and not the association."""
    with pytest.raises(UnreadableInstance, match="bad frame"):
        transcoding().convert(io.BytesIO(encapsulated(image(), [b"bad!"])), SYNTAX, EXPLICIT)


def test_what_is_to_be_whole_fails_before_its_first_piece() -> None:
    """Whichever frame it is: a sender cannot take back what has gone out."""
    registry = CodecRegistry()
    registry.add([Mirror()], plugin="test")
    sending = Transcoding(registry, whole=True)
    good = encapsulated(image(2), [mirrored(FIRST), mirrored(SECOND)])
    pieces = b"".join(sending.convert(io.BytesIO(good), SYNTAX, EXPLICIT))
    assert pieces == b"".join(transcoding().convert(io.BytesIO(good), SYNTAX, EXPLICIT))
    for fragments in ([mirrored(FIRST), b"bad!\xff\xd9"], [mirrored(FIRST)]):
        with pytest.raises(UnreadableInstance):
            sending.convert(io.BytesIO(encapsulated(image(2), fragments)), SYNTAX, EXPLICIT)


def test_only_what_some_codec_decodes_has_targets() -> None:
    made = transcoding()
    assert EXPLICIT in made.targets(SYNTAX)
    assert IMPLICIT in made.targets(EXPLICIT)
    assert made.targets("1.2.840.10008.1.2.4.50") == ()


def test_more_than_an_element_holds_is_not_made_native() -> None:
    huge = image(5, Rows=30000, Columns=30000, BitsAllocated=8, BitsStored=8)
    with pytest.raises(UnreadableInstance, match="too many to be native"):
        transcoding().convert(io.BytesIO(encapsulated(huge, [b"aa"] * 5)), SYNTAX, EXPLICIT)


def test_frames_of_several_kinds_are_an_error() -> None:
    """The header can describe one kind only."""

    class Changing(Mirror):
        calls = 0

        def decode(self, frame, pixels):
            self.calls += 1
            self._to = "MONOCHROME1" if self.calls > 1 else ""
            return super().decode(frame, pixels)

    registry = CodecRegistry()
    registry.add([Changing()], plugin="test")
    data = encapsulated(image(2), [mirrored(FIRST), mirrored(SECOND)])
    pieces = Transcoding(registry).convert(io.BytesIO(data), SYNTAX, EXPLICIT)
    with pytest.raises(UnreadableInstance, match="several kinds"):
        list(pieces)
