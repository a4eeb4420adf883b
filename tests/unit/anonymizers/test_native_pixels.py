"""Native pixel data as devices write them: shared colour, and padding behind the last frame."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.anonymizers.redacting import redacted
from pacs_framework.anonymizers.subsampled import full_frame
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.errors import NotAnonymized
from pacs_framework.testing.instances import make_instance

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
ROWS, COLUMNS = 4, 8
PAIRS = ROWS * COLUMNS // 2
REGION = Region(left=3, top=1, width=2, height=2)
BLACK = {"YBR_FULL_422": (0, 0, 128, 128), "YBR_PARTIAL_422": (16, 16, 128, 128)}
PIXELS = PixelFormat(
    rows=ROWS,
    columns=COLUMNS,
    samples_per_pixel=3,
    bits_allocated=8,
    bits_stored=8,
    photometric_interpretation="YBR_FULL_422",
)


def frame(number: int) -> bytes:
    """Four samples of a pair that are those of no other, and none of them black."""
    return bytes(
        sample
        for pair in range(PAIRS)
        for sample in (20 + pair, 50 + pair, 90 + number, 160 + pair)
    )


def image(data: bytes, **attributes: object) -> Dataset:
    header = make_instance(Rows=ROWS, Columns=COLUMNS, SamplesPerPixel=3, PlanarConfiguration=0)
    header.PhotometricInterpretation = "YBR_FULL_422"
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    header.PixelData = data + b"\0" * (len(data) % 2)
    header["PixelData"].VR = "OB"
    return header


def run(header: Dataset, work: PixelWork, syntax: str = EXPLICIT) -> bytes:
    """The pixel data that come out; what is in front of them stays readable."""
    source = io.BytesIO(encode_identifier(header, syntax))
    made = redacted(source, syntax, work, None)
    assert made.transfer_syntax == syntax
    data = b"".join(made.pieces)
    after = load_header(io.BytesIO(data), syntax)
    assert after.PhotometricInterpretation == header.PhotometricInterpretation
    read = pydicom.dcmread(io.BytesIO(prefixed(header, syntax) + data))
    return bytes(read.PixelData)


def prefixed(header: Dataset, syntax: str) -> bytes:
    meta = FileMeta(
        sop_class_uid=header.SOPClassUID,
        sop_instance_uid=header.SOPInstanceUID,
        transfer_syntax_uid=syntax,
    )
    return make_prefix(meta)


def blackened(data: bytes, pairs: set[tuple[int, int]], black: tuple[int, ...]) -> bytes:
    """One frame with pairs black, each (column of the pair, row)."""
    made = bytearray(data)
    for pair, row in pairs:
        at = 4 * (row * COLUMNS // 2 + pair)
        made[at : at + 4] = bytes(black)
    return bytes(made)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize("colours", BLACK)
def test_whole_pairs_become_black_and_every_byte_of_the_others_stays(
    colours: str, syntax: str
) -> None:
    """Columns 3 and 4 are of two pairs: the colour of neither goes on in its neighbour."""
    header = image(frame(0) + frame(1), NumberOfFrames=2, PhotometricInterpretation=colours)
    region = replace(REGION, frames=frozenset({2}))
    after = run(header, PixelWork(regions=(region,)), syntax)
    pairs = {(pair, row) for pair in (1, 2) for row in (1, 2)}
    assert after == frame(0) + blackened(frame(1), pairs, BLACK[colours])


def test_a_region_of_whole_pairs_grows_by_none() -> None:
    region = Region(left=2, top=0, width=4, height=1)
    after = run(image(frame(0)), PixelWork(regions=(region,)))
    assert after == blackened(frame(0), {(1, 0), (2, 0)}, BLACK["YBR_FULL_422"])


def test_a_region_that_reaches_beyond_the_image_ends_with_it() -> None:
    region = Region(left=7, top=3, width=100, height=100)
    after = run(image(frame(0)), PixelWork(regions=(region,)))
    assert after == blackened(frame(0), {(3, 3)}, BLACK["YBR_FULL_422"])


def test_what_is_found_is_made_black_too_and_the_finder_sees_the_whole_picture() -> None:
    seen: list[Frame] = []

    def find(given: Frame, number: int) -> list[Region]:
        seen.append(given)
        return [Region(left=0, top=0, width=1, height=1, frames=frozenset({number}))]

    after = run(image(frame(0) + frame(1), NumberOfFrames=2), PixelWork(find=find))
    assert after == b"".join(
        blackened(frame(number), {(0, 0)}, BLACK["YBR_FULL_422"]) for number in range(2)
    )
    assert [bytes(each.data[:6]) for each in seen] == [
        bytes((20, 90, 160, 50, 90, 160)),
        bytes((20, 91, 160, 50, 91, 160)),
    ]
    assert {each.pixels.photometric_interpretation for each in seen} == {"YBR_FULL"}


def test_what_would_change_single_pixels_is_refused() -> None:
    with pytest.raises(NotAnonymized, match="two of them share their colour"):
        run(image(frame(0)), PixelWork(change=lambda given, _: given))


def test_the_whole_picture_has_three_samples_for_each_pixel() -> None:
    full = full_frame(bytes((1, 2, 3, 4, 5, 6, 7, 8)), PIXELS)
    assert bytes(full.data) == bytes((1, 3, 4, 2, 3, 4, 5, 7, 8, 6, 7, 8))


@pytest.mark.parametrize("colours", BLACK)
def test_what_only_says_that_it_shares_colour_is_worked_on_pixel_by_pixel(colours: str) -> None:
    """So does software that decompresses, and leaves the name."""
    data = bytes(range(20, 20 + 3 * ROWS * COLUMNS))
    region = Region(left=1, top=0, width=1, height=1)
    header = image(data, PhotometricInterpretation=colours)
    after = run(header, PixelWork(regions=(region,)))
    assert after == data[:3] + bytes(BLACK[colours][1:]) + data[6:]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"Columns": 7}, "it takes an even number of columns"),
        ({"BitsStored": 7, "HighBit": 6}, "7 in 8 bits: it takes"),
        ({"PlanarConfiguration": 1}, "in planes of one colour"),
    ],
)
def test_pairs_that_cannot_be_are_refused(attributes: dict[str, object], message: str) -> None:
    size = ROWS * int(attributes.get("Columns", COLUMNS)) * 2
    with pytest.raises(NotAnonymized, match=message):
        run(image(frame(0)[:size], **attributes), PixelWork(regions=(REGION,)))


# --- padding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [1, 2, 17, ROWS * COLUMNS - 2])
@pytest.mark.parametrize("frames", [1, 3])
def test_what_is_behind_the_last_frame_is_passed_over(frames: int, padding: int) -> None:
    """It is no pixel, so nobody has looked at it: it does not go on."""
    data = b"".join(map(frame, range(frames)))
    header = image(data + b"\7" * padding, NumberOfFrames=frames)
    region = Region(left=0, top=0, width=2, height=1)
    after = run(header, PixelWork(regions=(region,)))
    assert after == b"".join(
        blackened(frame(number), {(0, 0)}, BLACK["YBR_FULL_422"]) for number in range(frames)
    )


@pytest.mark.parametrize(
    ("length", "frames"),
    [
        (2 * ROWS * COLUMNS - 2, 1),
        (2 * ROWS * COLUMNS * 4, 3),
        (2 * ROWS * COLUMNS * 2, 1),
        (3 * ROWS * COLUMNS * 2, 1),
        (2 * ROWS * COLUMNS * 2 - 2, 2),
    ],
    ids=["too short", "a frame more", "one of two", "two whole frames", "the last one is cut off"],
)
def test_a_header_that_counts_other_frames_is_refused(length: int, frames: int) -> None:
    """What is a frame more may show anything; what is missing was lost."""
    header = image(b"\1" * length, NumberOfFrames=frames)
    with pytest.raises(NotAnonymized, match=f"{length} bytes of pixel data, where the header says"):
        run(header, PixelWork(regions=(REGION,)))


def test_padding_behind_other_pixels_is_passed_over_too() -> None:
    pixels = bytes(range(1, ROWS * COLUMNS + 1))
    header = image(pixels + b"\7" * 9, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2")
    del header.PlanarConfiguration
    after = run(header, PixelWork(regions=(Region(left=0, top=0, width=2, height=1),)))
    assert after == b"\0\0" + pixels[2:]


# --- as others see it -----------------------------------------------------------------------------

REAL = Path(pydicom.__file__).parent / "data" / "test_files" / "SC_ybr_full_422_uncompressed.dcm"


@pytest.mark.interop
def test_dcmtk_sees_black_there_and_the_same_picture_around_it(tmp_path: Path) -> None:
    if shutil.which("dcm2pnm") is None:
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")
    if not REAL.exists():
        pytest.skip(f"pydicom brings no {REAL.name} here")
    given = pydicom.dcmread(REAL)
    region = Region(left=11, top=20, width=30, height=25)
    dataset = Dataset(given)
    source = io.BytesIO(encode_identifier(dataset, EXPLICIT))
    made = redacted(source, EXPLICIT, PixelWork(regions=(region,)), None)
    file = tmp_path / "after.dcm"
    file.write_bytes(prefixed(given, EXPLICIT) + b"".join(made.pieces))
    before, after = (picture(each, tmp_path) for each in (REAL, file))
    columns, rows = given.Columns, given.Rows
    for row in range(rows):
        for column in range(columns):
            at = 3 * (row * columns + column)
            inside = 10 <= column < 42 and 20 <= row < 45
            assert after[at : at + 3] == (b"\0\0\0" if inside else before[at : at + 3])


def picture(file: Path, folder: Path) -> bytes:
    """What DCMTK draws: red, green and blue of each pixel."""
    out = folder / f"{file.stem}.ppm"
    command = ["dcm2pnm", "--write-raw-pnm", str(file), str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    head, _, data = out.read_bytes().partition(b"\n255\n")
    assert head.startswith(b"P6")
    return data
