"""Text that is burned in is found and made black, and what is around it stays."""

from __future__ import annotations

import io
import logging
import shutil
from pathlib import Path

import pytest
from pydicom import Dataset

from pacs_anonymize.pixels.greys import greys_of, inverted, portable_greymap
from pacs_anonymize.pixels.text import PROGRAM, TextFinder
from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.anonymizers.redacting import redacted
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.native import NativeImage, read_native
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import NotAnonymized
from pacs_framework.testing.instances import make_instance

EXPLICIT = "1.2.840.10008.1.2.1"
COLUMNS, ROWS = 420, 260
TEXT = "ZUCKMAYER ZOE 1970-03-04"
PLACE = (20, 15)
NEAR = 14  # pixels around the text that may go with it

installed = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed (Debian: tesseract-ocr)"
)
np = pytest.importorskip("numpy", reason="NumPy draws the pictures of this test")
pillow = pytest.importorskip("PIL.Image", reason="Pillow draws the pictures of this test")
drawing = pytest.importorskip("PIL.ImageDraw", reason="Pillow draws the pictures of this test")
fonts = pytest.importorskip("PIL.ImageFont", reason="Pillow draws the pictures of this test")


def anatomy() -> object:
    """Soft round shapes of middle greys."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    distance = np.hypot((rows - 150) / 90, (columns - 230) / 150)
    return np.clip(150 - 110 * distance, 0, 255).astype(np.uint8)


def letters() -> object:
    """Where the text is, as true and false."""
    image = pillow.new("L", (COLUMNS, ROWS))
    font = fonts.load_default(size=16)
    drawing.Draw(image).text(PLACE, TEXT, fill=255, font=font)
    return np.asarray(image) > 0


def picture(kind: str) -> tuple[Dataset, object]:
    """A header, and the samples of a frame with text in it."""
    pixels, text = anatomy(), letters()
    header = make_instance(Rows=ROWS, Columns=COLUMNS, SamplesPerPixel=1, PixelRepresentation=0)
    header.PhotometricInterpretation = "MONOCHROME2"
    if kind == "white on 16 bits":
        made = pixels.astype("<u2") * 6
        made[text] = 3000
        bits = (16, 12)
    elif kind == "black on white":
        made = np.maximum(255 - pixels, 140).astype(np.uint8)
        made[text] = 0
        bits = (8, 8)
    else:
        made = np.stack((pixels,) * 3, axis=-1)
        made[text] = (255, 230, 0)
        bits = (8, 8)
        header.PhotometricInterpretation, header.SamplesPerPixel = "RGB", 3
        header.PlanarConfiguration = 0
    header.BitsAllocated, header.BitsStored = bits
    header.HighBit = bits[1] - 1
    header.PixelData = made.tobytes()
    header["PixelData"].VR = "OW" if bits[0] > 8 else "OB"
    return header, made


@installed
@pytest.mark.parametrize("kind", ["white on 16 bits", "black on white", "yellow on colours"])
def test_text_is_made_black_and_its_surroundings_stay(
    kind: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    header, before = picture(kind)
    source = io.BytesIO(encode_identifier(header, EXPLICIT))
    with caplog.at_level(logging.DEBUG):
        work = PixelWork(find=TextFinder.ready())
        data = b"".join(redacted(source, EXPLICIT, work, None).pieces)
    image = read_native(io.BytesIO(data), EXPLICIT)
    assert isinstance(image, NativeImage)
    after = np.frombuffer(next(image.frames), before.dtype).reshape(before.shape)
    text = letters()
    assert not after[text].any(), "letters are left"
    near = np.zeros_like(text)
    rows, columns = np.nonzero(text)
    near[
        rows.min() - NEAR : rows.max() + NEAR + 1, columns.min() - NEAR : columns.max() + NEAR + 1
    ] = True
    np.testing.assert_array_equal(after[~near], before[~near])
    told = caplog.text + "".join(capfd.readouterr())
    assert not any(word in told for word in TEXT.split())


@installed
def test_an_image_without_text_stays_as_it_is() -> None:
    pixels = PixelFormat(rows=ROWS, columns=COLUMNS, bits_allocated=8, bits_stored=8)
    frame = Frame(anatomy().tobytes(), pixels)
    assert list(TextFinder.ready()(frame, 1)) == []


def test_without_the_program_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotAnonymized, match="apt-get install tesseract-ocr"):
        TextFinder.ready()


def script(folder: Path, text: str) -> TextFinder:
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o700)
    return TextFinder(str(file))


@pytest.mark.parametrize("text", ["cat > /dev/null; echo 'ZOE is not text' >&2; exit 3", "exit 1"])
def test_a_program_that_fails_stops_the_instance_and_what_it_says_is_told_nobody(
    text: str, tmp_path: Path
) -> None:
    frame = Frame(b"\1\2", PixelFormat(rows=1, columns=2, bits_allocated=8, bits_stored=8))
    with pytest.raises(NotAnonymized, match="text cannot be looked for") as caught:
        list(script(tmp_path, text)(frame, 1))
    assert "ZOE" not in str(caught.value)
    with pytest.raises(NotAnonymized, match="could not be run"):
        list(TextFinder(str(tmp_path / "missing"))(frame, 1))


def test_pictures_for_the_program_are_stretched_and_magnified() -> None:
    pixels = PixelFormat(rows=2, columns=2, bits_allocated=16, bits_stored=12)
    greys = greys_of(Frame(b"\x64\x00\xc8\x00\x64\x00\x64\x00", pixels))
    assert greys == b"\x00\xff\x00\x00"
    assert inverted(greys) == b"\xff\x00\xff\xff"
    big = portable_greymap(greys, 2, 2)
    assert big == b"P5 4 4 255\n" + b"\0\0\xff\xff" * 2 + b"\0" * 8


def test_colours_are_looked_at_by_their_brightest_sample() -> None:
    pixels = PixelFormat(
        rows=1,
        columns=2,
        samples_per_pixel=3,
        bits_allocated=8,
        bits_stored=8,
        photometric_interpretation="RGB",
        planar_configuration=1,
    )
    assert greys_of(Frame(b"\x00\xff\x00\x00\x00\x10", pixels)) == b"\x00\xff"


@pytest.mark.parametrize(
    ("word", "confidence", "counts"),
    [
        ("ZOE", 31.0, True),
        ("ZOE", 29.0, False),
        ("ZUCK", 6.0, True),
        ("ZUCK", 4.0, False),
        ("Z-K:1", 6.0, False),
        ("=—_.", 90.0, False),
    ],
)
def test_a_longer_word_counts_with_less_confidence(
    word: str, confidence: float, counts: bool, tmp_path: Path
) -> None:
    """Letters of screens look like bad ones, and noise does not look like four of them."""
    line = "\t".join(("5", *"11111", "10", "20", "8", "4", str(confidence), word))
    finder = script(tmp_path, f"cat > /dev/null; echo head; echo '{line}'")
    frame = Frame(b"\1\2" * 50, PixelFormat(rows=10, columns=10, bits_allocated=8, bits_stored=8))
    found = list(finder(frame, 3))
    # Once in each of the two pictures; in half the size that the program saw, with a margin.
    region = Region(left=1, top=6, width=12, height=10, frames=frozenset({3}))
    assert found == [region] * (2 if counts else 0)
