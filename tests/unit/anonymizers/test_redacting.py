"""Pixels changed as an anonymizer wants it: these and no others, or nothing goes on."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.anonymizers.redacting import redacted
from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.comparing import by_pixel, samples_of
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import NativeFrames, Transcoding
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.errors import NotAnonymized, UnreadableInstance
from pacs_framework.testing.instances import make_instance

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
JPEG = "1.2.840.10008.1.2.4.50"
COLUMNS, ROWS = 7, 5
REGION = Region(left=1, top=1, width=3, height=2)
WORK = PixelWork(regions=(REGION,))


class Deflating(Codec):
    """Each frame deflated; counts what it does."""

    name = "zlib"
    encodes = True

    def __init__(self, syntax: str = DEFLATED_FRAMES, colour: str = "") -> None:
        self.transfer_syntax = syntax
        self.colour = colour
        self.decoded = 0

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        self.decoded += 1
        try:
            return Frame(zlib.decompress(bytes(frame).rstrip(b"\0") + b"\0" * 4), pixels)
        except zlib.error:
            raise UnreadableInstance("no frame of the syntax") from None

    def encode(self, frame: Frame) -> Frame:
        return Frame(zlib.compress(bytes(frame.data)), frame.pixels)


class Recolouring(Deflating):
    """Encodes RGB as YBR_RCT, as JPEG 2000 does, and gives RGB back."""

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        return super().decode(frame, replace(pixels, photometric_interpretation="RGB"))

    def encode(self, frame: Frame) -> Frame:
        encoded = super().encode(frame)
        return Frame(encoded.data, replace(encoded.pixels, photometric_interpretation="YBR_RCT"))


def transcoding(*codecs: Codec) -> Transcoding:
    registry = CodecRegistry()
    registry.add(codecs, plugin="test")
    return Transcoding(registry, encoder=registry)


def image(frames: int = 1, **attributes: object) -> tuple[Dataset, PixelFormat, list[bytes]]:
    """A header, what it says of the pixels, and frames in which no sample is black or white."""
    header = make_instance()
    del header.PixelData
    given = {
        "Rows": ROWS,
        "Columns": COLUMNS,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "NumberOfFrames": frames,
        **attributes,
    }
    for keyword, value in given.items():
        setattr(header, keyword, value)
    pixels = PixelFormat.of(header)
    size = pixels.bits_allocated // 8
    count = ROWS * COLUMNS * pixels.samples_per_pixel
    made = [
        b"".join((20 + (7 * each + number) % 90).to_bytes(size, "little") for each in range(count))
        for number in range(frames)
    ]
    return header, pixels, made


def native(header: Dataset, frames: list[bytes], syntax: str) -> io.BytesIO:
    data = b"".join(frames)
    header.PixelData = data + b"\0" * (len(data) % 2)
    header["PixelData"].VR = "OW" if header.BitsAllocated > 8 or syntax == IMPLICIT else "OB"
    if syntax != BIG:
        return io.BytesIO(encode_identifier(header, syntax))
    pieces = transcoding().convert(native(header, frames, EXPLICIT), EXPLICIT, BIG)
    return io.BytesIO(b"".join(pieces))


def encapsulated(header: Dataset, frames: list[bytes]) -> io.BytesIO:
    """In a syntax of `Deflating`."""
    given = native(header, frames, EXPLICIT)
    pieces = transcoding(Deflating()).convert(given, EXPLICIT, DEFLATED_FRAMES)
    return io.BytesIO(b"".join(pieces))


def run(source: io.BytesIO, syntax: str, work: PixelWork = WORK, *codecs: Codec):
    """Transfer syntax, header and frames of what comes out."""
    codec = transcoding(*codecs)
    made = redacted(source, syntax, work, codec)
    data = b"".join(made.pieces)
    found = codec.native_frames(io.BytesIO(data), made.transfer_syntax)
    assert isinstance(found, NativeFrames)
    return made.transfer_syntax, found.header, list(found.frames)


def place(column: int, row: int) -> bool:
    return 1 <= column < 4 and 1 <= row < 3


def check(before: Frame, after: Frame, black: tuple[int, ...], inside=place) -> None:
    """Black inside of the region, and every sample outside as it was."""
    ours, theirs = samples_of(before), samples_of(after)
    number = before.pixels.samples_per_pixel
    for row, column in product(range(ROWS), range(COLUMNS)):
        start = (row * COLUMNS + column) * number
        wanted = black if inside(column, row) else tuple(ours[start : start + number])
        assert tuple(theirs[start : start + number]) == wanted, (column, row)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, BIG])
def test_native_pixels_are_black_in_the_region_and_as_they_were_outside(syntax: str) -> None:
    header, pixels, frames = image(3)
    made, _, after = run(native(header, frames, syntax), syntax)
    assert made == syntax
    for data, frame in zip(frames, after, strict=True):
        check(Frame(data, pixels), frame, (0,))


@pytest.mark.parametrize(
    ("attributes", "black"),
    [
        ({}, (0,)),
        ({"PhotometricInterpretation": "MONOCHROME1"}, (4095,)),
        ({"PresentationLUTShape": "INVERSE"}, (4095,)),
        ({"PixelRepresentation": 1}, (-2048,)),
        ({"PixelRepresentation": 1, "PhotometricInterpretation": "MONOCHROME1"}, (2047,)),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, (0,)),
    ],
)
def test_black_is_what_the_photometric_interpretation_says(
    attributes: dict[str, object], black: tuple[int, ...]
) -> None:
    header, pixels, (data,) = image(**attributes)
    _, _, (after,) = run(native(header, [data], EXPLICIT), EXPLICIT)
    check(Frame(data, pixels), after, black)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize(("colours", "black"), [("RGB", (0, 0, 0)), ("YBR_FULL", (0, 128, 128))])
def test_colours_are_black_in_either_planar_configuration(
    colours: str, black: tuple[int, ...], planar: int
) -> None:
    header, pixels, (data,) = image(
        SamplesPerPixel=3,
        PhotometricInterpretation=colours,
        PlanarConfiguration=planar,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    )
    _, _, (after,) = run(native(header, [data], EXPLICIT), EXPLICIT)
    assert len(by_pixel(after)) == len(data)
    check(Frame(data, pixels), after, black)


def palette(**tables: bytes) -> tuple[Dataset, PixelFormat, list[bytes]]:
    attributes: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        attributes[f"{colour}PaletteColorLookupTableDescriptor"] = [4, 10, 16]
    return image(**attributes, **tables)


def test_a_palette_has_its_darkest_colour_in_the_region() -> None:
    """The third entry; the first value that is mapped is 10."""
    table = b"\xff\xff\x00\xf0\x01\x00\x80\x80"
    names = [f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")]
    header, pixels, (data,) = palette(**dict.fromkeys(names, table))
    _, _, (after,) = run(native(header, [data], EXPLICIT), EXPLICIT)
    check(Frame(data, pixels), after, (12,))


def test_a_segmented_palette_has_one_colour_in_the_region() -> None:
    header, pixels, (data,) = palette()
    _, _, (after,) = run(native(header, [data], EXPLICIT), EXPLICIT)
    check(Frame(data, pixels), after, (10,))


def test_single_bits_that_begin_within_a_byte() -> None:
    """35 bits a frame: the second one begins in the last byte of the first."""
    header, _, _ = image(BitsAllocated=16)
    header.BitsAllocated = header.BitsStored = 1
    header.HighBit, header.NumberOfFrames = 0, 3
    ones = b"\xff" * 13 + b"\x01"
    _, _, after = run(native(header, [ones], EXPLICIT), EXPLICIT)
    for frame in after:
        before = Frame(b"\xff" * 4 + b"\x07", frame.pixels)
        check(before, frame, (0,))


def test_only_frames_that_are_touched_are_decoded_and_the_others_keep_their_bytes() -> None:
    header, pixels, frames = image(4)
    source = encapsulated(header, frames)
    region = replace(REGION, frames=frozenset({2}))
    codec = Deflating()
    made = redacted(source, DEFLATED_FRAMES, PixelWork(regions=(region,)), transcoding(codec))
    assert made.transfer_syntax == DEFLATED_FRAMES
    data = b"".join(made.pieces)
    # Once to find out what the encoder writes, once for the frame, and to look at each of both.
    assert codec.decoded == 4
    for number in (0, 2, 3):
        assert zlib.compress(frames[number]) in data
    assert zlib.compress(frames[1]) not in data
    found = transcoding(Deflating()).native_frames(io.BytesIO(data), DEFLATED_FRAMES)
    for number, frame in enumerate(found.frames, start=1):
        check(
            Frame(frames[number - 1], pixels),
            frame,
            (0,),
            inside=place if number == 2 else lambda _column, _row: False,
        )


def test_every_frame_is_encoded_again_where_the_encoder_writes_other_colours() -> None:
    """One header describes all frames."""
    colours = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0}
    header, pixels, frames = image(3, **colours, **bits)
    source = encapsulated(header, frames)
    region = replace(REGION, frames=frozenset({3}))
    _, after, made = run(source, DEFLATED_FRAMES, PixelWork(regions=(region,)), Recolouring())
    assert after.PhotometricInterpretation == "YBR_RCT"
    assert [bytes(frame.data) for frame in made[:2]] == frames[:2]
    check(Frame(frames[2], pixels), made[2], (0, 0, 0))


def test_what_was_compressed_with_loss_goes_on_native_without_losing_more() -> None:
    header, pixels, frames = image(2, BitsAllocated=8, BitsStored=8, HighBit=7)
    header.LossyImageCompression = "01"
    source = encapsulated(header, frames)
    made, after, found = run(source, JPEG, WORK, Deflating(JPEG))
    assert made == EXPLICIT
    assert after.LossyImageCompression == "01"
    for data, frame in zip(frames, found, strict=True):
        check(Frame(data, pixels), frame, (0,))


def test_without_a_codec_nothing_goes_on_and_it_is_told_what_to_do() -> None:
    header, _, frames = image()
    source = encapsulated(header, frames)
    with pytest.raises(NotAnonymized, match=r"no installed codec decodes .*install a plugin"):
        redacted(source, DEFLATED_FRAMES, WORK, transcoding())


def test_a_frame_that_cannot_be_decoded_stops_the_instance() -> None:
    header, _, frames = image(2)
    second = zlib.compress(frames[1])
    data = encapsulated(header, frames).getvalue().replace(second, b"\xaa" * len(second))
    with pytest.raises(NotAnonymized, match="no frame of the syntax"):
        redacted(io.BytesIO(data), DEFLATED_FRAMES, WORK, transcoding(Deflating()))


def test_an_encoder_that_changes_pixels_stops_the_instance() -> None:
    class Wrong(Deflating):
        def encode(self, frame: Frame) -> Frame:
            return super().encode(Frame(bytes(len(frame.data)), frame.pixels))

    header, _, frames = image()
    with pytest.raises(NotAnonymized, match="another one once it was encoded"):
        redacted(encapsulated(header, frames), DEFLATED_FRAMES, WORK, transcoding(Wrong()))


def test_pixels_that_no_codec_encodes_go_on_native() -> None:
    class Unwilling(Deflating):
        def can_encode(self, pixels: PixelFormat) -> bool:
            return pixels.bits_allocated == 8

    header, pixels, frames = image(3)
    source = encapsulated(header, frames)
    made, _, found = run(source, DEFLATED_FRAMES, WORK, Unwilling())
    assert made == EXPLICIT
    for data, frame in zip(frames, found, strict=True):
        check(Frame(data, pixels), frame, (0,))


def test_pixel_data_that_are_cut_off_stop_the_instance_on_the_way() -> None:
    header, _, frames = image(3)
    data = native(header, frames, EXPLICIT).getvalue()[:-20]
    with pytest.raises(NotAnonymized, match="the pixel data end"):
        list(redacted(io.BytesIO(data), EXPLICIT, WORK, None).pieces)


def test_what_is_found_in_a_frame_is_made_black_there() -> None:
    def find(frame: Frame, number: int) -> Iterator[Region]:
        assert len(frame.data) == frame.pixels.frame_bytes
        if number == 2:
            yield REGION

    header, pixels, frames = image(2)
    _, _, after = run(native(header, frames, EXPLICIT), EXPLICIT, PixelWork(find=find))
    assert bytes(after[0].data) == frames[0]
    check(Frame(frames[1], pixels), after[1], (0,))


def test_frames_are_changed_before_regions_are_made_black() -> None:
    def change(frame: Frame, _number: int) -> Frame:
        return replace(frame, data=b"\x07\x00" * (ROWS * COLUMNS))

    header, pixels, frames = image()
    work = PixelWork(regions=(REGION,), change=change)
    _, _, (after,) = run(native(header, frames, EXPLICIT), EXPLICIT, work)
    check(Frame(b"\x07\x00" * (ROWS * COLUMNS), pixels), after, (0,))


def broken(_frame: Frame, _number: int):
    raise RuntimeError("Zuckmayer^Zoe")


@pytest.mark.parametrize("work", [PixelWork(find=broken), PixelWork(change=broken)])
def test_what_fails_over_a_frame_stops_the_instance_and_quotes_nothing(work: PixelWork) -> None:
    header, _, frames = image()
    with pytest.raises(NotAnonymized, match="frame 1 failed: RuntimeError") as caught:
        list(redacted(native(header, frames, EXPLICIT), EXPLICIT, work, None).pieces)
    assert "Zuckmayer" not in str(caught.value)


def test_a_changed_frame_has_to_be_of_the_same_kind() -> None:
    header, _, frames = image()
    work = PixelWork(change=lambda frame, _number: replace(frame, data=frame.data[:-2]))
    with pytest.raises(NotAnonymized, match="made one of another kind"):
        list(redacted(native(header, frames, EXPLICIT), EXPLICIT, work, None).pieces)


def test_pictures_and_figures_of_the_original_pixels_go() -> None:
    header, _, frames = image(SmallestImagePixelValue=20, LargestImagePixelValue=109)
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.add_new("PixelData", "OB", b"abcd")
    header.IconImageSequence = Sequence([icon])
    _, after, _ = run(native(header, frames, EXPLICIT), EXPLICIT)
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue", "IconImageSequence"):
        assert keyword not in after


def test_pixels_in_a_sequence_stop_the_instance() -> None:
    header, _, frames = image()
    item, inner = Dataset(), Dataset()
    inner.add_new("PixelData", "OB", b"abcd")
    item.ReferencedImageSequence = Sequence([inner])
    header.ReferencedSeriesSequence = Sequence([item])
    with pytest.raises(NotAnonymized, match="pixel data in a sequence"):
        redacted(native(header, frames, EXPLICIT), EXPLICIT, WORK, None)


def overlay(header: Dataset, origin: list[int], planes: int = 1) -> None:
    for element, vr, value in (
        (0x10, "US", ROWS),
        (0x11, "US", COLUMNS),
        (0x15, "IS", planes),
        (0x40, "CS", "G"),
        (0x50, "SS", origin),
        (0x51, "US", 1),
        (0x100, "US", 1),
        (0x102, "US", 0),
        (0x3000, "OW", b"\xff" * ((ROWS * COLUMNS * planes + 15) // 16 * 2)),
    ):
        header.add_new(0x60000000 | element, vr, value)


@pytest.mark.parametrize(("origin", "right", "down"), [([1, 1], 0, 0), ([0, 3], -2, 1)])
def test_overlays_are_emptied_over_the_region(origin: list[int], right: int, down: int) -> None:
    """The origin says which row and column of the image the first point lies on, from 1."""
    header, _, frames = image(2)
    overlay(header, origin, planes=2)
    _, after, _ = run(native(header, frames, EXPLICIT), EXPLICIT)
    bits = int.from_bytes(after[0x60003000].value, "little")
    for plane, row, column in product(range(2), range(ROWS), range(COLUMNS)):
        bit = bits >> (plane * ROWS + row) * COLUMNS + column & 1
        assert bit == (not place(column - right, row - down)), (plane, row, column)


def test_an_object_without_pixels_stays_as_it_is() -> None:
    report = make_instance()
    for keyword in ("PixelData", "Rows", "Columns"):
        if keyword in report:
            delattr(report, keyword)
    given = encode_identifier(report, EXPLICIT)
    made = redacted(io.BytesIO(given), EXPLICIT, WORK, None)
    assert b"".join(made.pieces) == given


def test_an_image_that_lost_its_pixels_is_no_object_without_them() -> None:
    header, _, _ = image()
    with pytest.raises(NotAnonymized, match="an image without pixel data"):
        redacted(io.BytesIO(encode_identifier(header, EXPLICIT)), EXPLICIT, WORK, None)


def test_the_header_is_the_one_that_was_given() -> None:
    header, _, frames = image()
    source = native(header, frames, EXPLICIT)
    before = load_header(io.BytesIO(source.getvalue()), EXPLICIT)
    _, after, _ = run(source, EXPLICIT)
    assert after == before
