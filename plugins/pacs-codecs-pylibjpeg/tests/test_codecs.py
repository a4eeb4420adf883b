"""What the libraries behind pydicom do, and the archive has to know."""

from __future__ import annotations

import io
from array import array
from dataclasses import replace

import pytest
from PIL import Image

from pacs_codecs_pylibjpeg.codecs import PydicomCodec, available
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import samples_of
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.suites.codec import noise, shades

BASELINE, JPEG_LS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
NEAR, JPEG_2000 = "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"
JFIF = b"\xff\xe0\x00\x10JFIF"
COLOUR = PixelFormat(
    rows=16,
    columns=16,
    samples_per_pixel=3,
    bits_allocated=8,
    bits_stored=8,
    photometric_interpretation="YBR_FULL",
)


def codec(syntax: str, name: str) -> PydicomCodec:
    (found,) = [c for c in available() if (c.transfer_syntax, c.name) == (syntax, name)]
    return found


def jpeg(transform: int | None) -> bytes:
    """A red image, with an Adobe marker that tells of this transformation, or with none."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 30)).save(file, "JPEG", quality=95)
    data = file.getvalue()
    at = data.index(JFIF)
    marker = b"" if transform is None else b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    return data[:at] + marker + data[at + 18 :]


@pytest.mark.parametrize(
    ("transform", "colour", "first"), [(None, "YBR_FULL", 80), (1, "RGB", 200)]
)
def test_pillow_makes_rgb_of_what_an_adobe_marker_calls_ycc(
    transform: int | None, colour: str, first: int
) -> None:
    """Whatever the header of the instance says: samples and their name must agree."""
    frame = codec(BASELINE, "pillow").decode(jpeg(transform), COLOUR)
    assert frame.pixels.photometric_interpretation == colour
    assert abs(frame.data[0] - first) < 5


@pytest.mark.parametrize("stored", [5, 8, 9, 12, 15, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_jpeg_ls_is_written_in_the_bits_that_are_stored(stored: int, signed: bool) -> None:
    """PS3.5 8.2.3: header and code stream agree; negative samples come back with their sign."""
    pixels = PixelFormat(rows=20, columns=30, bits_allocated=16, bits_stored=stored, signed=signed)
    pyjpegls, frame = codec(JPEG_LS, "pyjpegls"), noise(pixels)
    encoded = pyjpegls.encode(frame)
    start_of_frame = bytes(encoded.data).index(b"\xff\xf7")
    assert encoded.data[start_of_frame + 4] == stored
    assert pyjpegls.decode(encoded.data, encoded.pixels).data == frame.data


def test_samples_beyond_bits_stored_are_not_cut_off() -> None:
    pixels = PixelFormat(rows=20, columns=30, bits_allocated=16, bits_stored=12)
    frame = Frame(b"\xff" * pixels.frame_bytes, pixels)
    with pytest.raises(UnreadableInstance, match="more than the 12 bits"):
        codec(JPEG_LS, "pyjpegls").encode(frame)
    with pytest.raises(UnreadableInstance, match="more than the 12 bits"):
        codec(NEAR, "pyjpegls").encode_lossy(frame, Loss(Measure.NEAR, 1))


@pytest.mark.parametrize(
    ("changed", "near"),
    [
        ({"signed": True}, 1),  # 7FFFH and 8000H are neighbours in the code stream
        ({"photometric_interpretation": "PALETTE COLOR"}, 1),
        ({"rows": 2, "columns": 2}, 1),
        ({"bits_stored": 2}, 2),
    ],
)
def test_a_small_loss_is_not_promised_where_it_may_be_a_large_one(
    changed: dict[str, object], near: int
) -> None:
    pixels = PixelFormat(rows=64, columns=64, bits_allocated=16, bits_stored=12)
    near_lossless, loss = codec(NEAR, "pyjpegls"), Loss(Measure.NEAR, near)
    assert near_lossless.can_encode_lossy(pixels, loss)
    assert not near_lossless.can_encode_lossy(replace(pixels, **changed), loss)


@pytest.mark.parametrize("stored", [8, 12, 16])
def test_a_jpeg_2000_frame_is_as_small_as_the_ratio_says(stored: int) -> None:
    """Of the bytes that are allocated, which the attribute is about (PS3.3 C.7.6.1.1.5)."""
    pixels = PixelFormat(rows=128, columns=128, bits_allocated=16, bits_stored=stored)
    encoded = codec(JPEG_2000, "pylibjpeg").encode_lossy(shades(pixels), Loss(Measure.RATIO, 10))
    assert 10 <= pixels.frame_bytes / len(encoded.data) < 13


def test_a_ratio_that_is_not_reached_is_an_error() -> None:
    pixels = PixelFormat(rows=32, columns=32, bits_allocated=8, bits_stored=8)
    with pytest.raises(UnreadableInstance, match="does not reach a ratio of 500"):
        codec(JPEG_2000, "pylibjpeg").encode_lossy(noise(pixels), Loss(Measure.RATIO, 500))


@pytest.mark.parametrize("signed", [False, True])
def test_a_sign_that_the_code_stream_has_wrong_is_that_of_the_header(signed: bool) -> None:
    """Both ways round; the same bits, as the header means them."""
    pixels = PixelFormat(rows=40, columns=40, bits_allocated=16, bits_stored=12, signed=signed)
    other = replace(pixels, signed=not signed)
    lossless = codec("1.2.840.10008.1.2.4.90", "pylibjpeg")
    frame = noise(pixels)
    data = lossless.encode(frame).data
    turned = lossless.decode(data, other)
    assert lossless.decode(data, pixels).data == frame.data
    low = -(1 << 11) if other.signed else 0
    values = array("h" if other.signed else "H", bytes(turned.data))
    assert low <= min(values) <= max(values) < low + (1 << 12)
    assert all(
        (value - given) % (1 << 12) == 0
        for value, given in zip(values, samples_of(frame), strict=True)
    )
