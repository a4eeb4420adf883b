"""What is lost is what was asked for, and what is written is what the transfer syntax demands."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pacs_codecs_imagecodecs.code_stream import RPCL, read_code_stream
from pacs_codecs_imagecodecs.codecs import available
from pacs_codecs_imagecodecs.jpeg_markers import read_header
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import samples_of
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.suites.codec import areas, noise, shades

CODECS = {codec.transfer_syntax: codec for codec in available()}
JPEG = "1.2.840.10008.1.2.4."
BASELINE, EXTENDED, NEAR, JPEG_2000, HTJ2K, JPEG_XL = (
    JPEG + number for number in ("50", "51", "81", "91", "203", "112")
)
GREY = PixelFormat(rows=120, columns=100, bits_allocated=16, bits_stored=12)
BYTES = replace(GREY, bits_allocated=8, bits_stored=8)
COLOUR = replace(BYTES, samples_per_pixel=3, photometric_interpretation="RGB")


def quality(amount: float) -> Loss:
    return Loss(Measure.QUALITY, amount)


def decibels(one: Frame, other: Frame) -> float:
    difference = np.array(samples_of(one), float) - np.array(samples_of(other), float)
    mean_square = np.square(difference).mean()
    peak = (1 << one.pixels.bits_stored) - 1
    return 10 * math.log10(peak**2 / mean_square) if mean_square else math.inf


@pytest.mark.parametrize("stored", [8, 10, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("wanted", [35, 50, 65])
def test_htj2k_has_the_signal_to_noise_ratio_that_was_asked_for(
    stored: int, signed: bool, wanted: int
) -> None:
    """At least, and not a multiple of it, for every depth and sign."""
    of = replace(GREY, bits_stored=stored, signed=signed)
    encoded = CODECS[HTJ2K].encode_lossy(shades(of), quality(wanted))
    decoded = CODECS[HTJ2K].decode(encoded.data, encoded.pixels)
    assert wanted <= decibels(shades(of), decoded) < wanted + 6


@pytest.mark.parametrize("wanted", [35, 50, 65])
def test_jpeg_2000_has_about_the_signal_to_noise_ratio_that_was_asked_for(wanted: int) -> None:
    encoded = CODECS[JPEG_2000].encode_lossy(shades(GREY), quality(wanted))
    decoded = CODECS[JPEG_2000].decode(encoded.data, encoded.pixels)
    assert abs(decibels(shades(GREY), decoded) - wanted) < 2


@pytest.mark.parametrize("syntax", [JPEG_2000, HTJ2K])
@pytest.mark.parametrize(("of", "becomes"), [(GREY, "MONOCHROME2"), (COLOUR, "YBR_ICT")])
def test_jpeg_2000_with_loss_is_irreversible_and_says_its_bits(
    syntax: str, of: PixelFormat, becomes: str
) -> None:
    encoded = CODECS[syntax].encode_lossy(shades(of), quality(45))
    stream = read_code_stream(bytes(encoded.data))
    assert not stream.reversible
    assert (stream.precision, stream.signed) == (of.bits_stored, of.signed)
    assert stream.colour_transformed == (of is COLOUR)
    assert encoded.pixels.photometric_interpretation == becomes


def test_htj2k_with_loss_suits_progressive_display_too() -> None:
    stream = read_code_stream(bytes(CODECS[HTJ2K].encode_lossy(shades(GREY), quality(45)).data))
    assert stream.progression == RPCL
    assert stream.tile_part_lengths


@pytest.mark.parametrize("signed", [False, True])
def test_both_ends_of_the_range_stay_there(signed: bool) -> None:
    """A loss must never turn the largest sample into the smallest one."""
    of = replace(GREY, bits_stored=16, signed=signed)
    kind = "<i2" if signed else "<u2"
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    samples = np.where(np.arange(of.rows * of.columns) % 40 < 20, low, high).astype(kind)
    for syntax in (JPEG_2000, HTJ2K):
        encoded = CODECS[syntax].encode_lossy(Frame(samples.tobytes(), of), quality(50))
        decoded = CODECS[syntax].decode(encoded.data, encoded.pixels)
        difference = np.frombuffer(decoded.data, kind).astype(np.int64) - samples
        assert np.abs(difference).max() < 2000, syntax


@pytest.mark.parametrize(
    ("syntax", "of", "precision"), [(BASELINE, BYTES, 8), (EXTENDED, GREY, 12)]
)
def test_jpeg_says_its_bits(syntax: str, of: PixelFormat, precision: int) -> None:
    header = read_header(bytes(CODECS[syntax].encode_lossy(shades(of), quality(90)).data))
    assert (header.precision, header.lossless) == (precision, False)


@pytest.mark.parametrize("colour", ["RGB", "YBR_FULL"])
def test_colour_in_jpeg_is_ybr_with_half_the_chrominance(colour: str) -> None:
    """PS3.5 8.2.1; back comes a sample for every pixel, in YBR_FULL."""
    of = replace(COLOUR, photometric_interpretation=colour)
    encoded = CODECS[BASELINE].encode_lossy(shades(of), quality(90))
    data = bytes(encoded.data)
    frame = data.index(b"\xff\xc0")
    assert data[frame + 11], data[frame + 14] == (0x21, 0x11)
    assert encoded.pixels.photometric_interpretation == "YBR_FULL_422"
    decoded = CODECS[BASELINE].decode(data, encoded.pixels)
    assert decoded.pixels.photometric_interpretation == "YBR_FULL"
    if colour == "YBR_FULL":
        assert decibels(shades(of), decoded) > 30


def test_colour_in_jpeg_xl_is_xyb_and_comes_back_as_rgb() -> None:
    encoded = CODECS[JPEG_XL].encode_lossy(shades(COLOUR), quality(95))
    decoded = CODECS[JPEG_XL].decode(encoded.data, encoded.pixels)
    assert encoded.pixels.photometric_interpretation == "XYB"
    assert decoded.pixels.photometric_interpretation == "RGB"
    assert decibels(shades(COLOUR), decoded) > 30


@pytest.mark.parametrize(
    ("syntax", "of", "loss"),
    [
        (BASELINE, GREY, quality(90)),  # 8 bits
        (BASELINE, replace(BYTES, signed=True), quality(90)),
        (EXTENDED, replace(GREY, bits_stored=10), quality(90)),  # 12 bits
        (NEAR, GREY, Loss(Measure.NEAR, 1)),  # the library would say 16 bits
        (NEAR, replace(GREY, bits_stored=16, signed=True), Loss(Measure.NEAR, 1)),
        (NEAR, BYTES, Loss(Measure.NEAR, 10)),  # the library takes 9 for it
        (JPEG_XL, replace(GREY, signed=True), quality(90)),
        (JPEG_2000, GREY, Loss(Measure.RATIO, 10)),  # the other provider has it
    ],
)
def test_what_cannot_be_held_is_not_promised(syntax: str, of: PixelFormat, loss: Loss) -> None:
    assert not CODECS[syntax].can_encode_lossy(of, loss)


@pytest.mark.parametrize("syntax", [EXTENDED, JPEG_2000, HTJ2K, JPEG_XL])
def test_samples_beyond_bits_stored_are_refused(syntax: str) -> None:
    """12-bit JPEG encoders go astray over them."""
    data = bytearray(noise(GREY).data)
    data[1] |= 0x80
    with pytest.raises(UnreadableInstance, match="more than the 12 bits"):
        CODECS[syntax].encode_lossy(Frame(bytes(data), GREY), quality(50))


@pytest.mark.parametrize(
    ("syntax", "written", "loss"),
    [
        (EXTENDED, 12, quality(50)),
        (JPEG_2000, 12, quality(40)),
        (HTJ2K, 12, quality(40)),
        (NEAR, 16, Loss(Measure.NEAR, 4)),
    ],
)
def test_a_loss_leaves_no_bits_beyond_bits_stored(syntax: str, written: int, loss: Loss) -> None:
    """A compressed image may have more bits than the header says are stored, as RG3 of WG-04 has.

    A white that became a little whiter is white, and not black for who masks by Bits Stored.
    """
    wide, narrow = replace(GREY, bits_stored=written), replace(GREY, bits_stored=10)
    places = np.arange(GREY.rows * GREY.columns)
    samples = np.where(places % 7 < 4, places % 3, 1023 - places % 3).astype("<u2")
    data = CODECS[syntax].encode_lossy(Frame(samples.tobytes(), wide), loss).data
    beyond = np.array(samples_of(CODECS[syntax].decode(data, wide)))
    decoded = np.array(samples_of(CODECS[syntax].decode(data, narrow)))
    assert beyond.max() > 1023
    assert np.array_equal(decoded, beyond.clip(max=1023))


@pytest.mark.parametrize("stored", [10, 12])
@pytest.mark.parametrize("signed", [False, True])
def test_no_decoded_sample_is_beyond_bits_stored(stored: int, signed: bool) -> None:
    """OpenJPH cuts off one too late; other software would read that bit as nothing or a sign."""
    of = replace(GREY, bits_stored=stored, signed=signed)
    low = -(1 << stored - 1) if signed else 0
    for syntax in (JPEG_2000, HTJ2K):
        encoded = CODECS[syntax].encode_lossy(areas(of), quality(40))
        samples = samples_of(CODECS[syntax].decode(encoded.data, encoded.pixels))
        assert low <= min(samples) <= max(samples) < low + (1 << stored), syntax
