"""What the libraries behind pydicom do, and the archive has to know."""

from __future__ import annotations

import io
import struct
from array import array
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
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
JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
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


@pytest.mark.skipif(
    find_spec("gdcm") is None, reason="GDCM is not installed: pip install python-gdcm"
)
@pytest.mark.parametrize(("stored", "can"), [(2, False), (7, False), (8, True), (12, True)])
def test_gdcm_is_not_asked_for_what_it_dies_of(stored: int, can: bool) -> None:
    """JPEG Lossless of less than 8 bits ends its process, damaged or not."""
    pixels = PixelFormat(rows=20, columns=30, bits_allocated=16, bits_stored=stored)
    assert codec("1.2.840.10008.1.2.4.70", "gdcm").can_decode(pixels) == can


def test_a_loss_leaves_no_bits_beyond_bits_stored() -> None:
    """A white that became a little whiter; whoever masks by Bits Stored would see it black."""
    written = PixelFormat(rows=20, columns=30, bits_allocated=16, bits_stored=13)
    samples = array("H", [4095, 4096] * 300)
    frame = Frame(samples.tobytes(), written)
    encoded = codec(NEAR, "pyjpegls").encode_lossy(frame, Loss(Measure.NEAR, 1))
    decoded = codec(NEAR, "pyjpegls").decode(encoded.data, replace(written, bits_stored=12))
    assert set(samples_of(decoded)) <= {4094, 4095}


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


@pytest.mark.parametrize(
    "boxes",
    [
        b"",
        struct.pack(">I4s", 0, b"ftyp"),  # followed for ever by pydicom
        struct.pack(">I4s", 7, b"ftyp"),
        struct.pack(">I4s8x", 16, b"ftyp"),
        struct.pack(">I4s", 1 << 31, b"ftyp"),
    ],
)
def test_boxes_that_lead_nowhere_are_not_followed(boxes: bytes) -> None:
    pixels = PixelFormat(rows=40, columns=40, bits_allocated=8, bits_stored=8)
    jpeg_2000 = codec(JPEG_2000, "pylibjpeg")
    with pytest.raises(UnreadableInstance, match="JP2 boxes that lead to no"):
        jpeg_2000.decode(JP2 + boxes, pixels)


@pytest.mark.parametrize(
    ("syntax", "name", "sizes"),
    [
        (JPEG_LS, "pyjpegls", slice(9, 13)),
        ("1.2.840.10008.1.2.4.90", "pylibjpeg", slice(8, 16)),
    ],
)
def test_an_image_of_another_size_than_the_header_says_is_not_decoded(
    syntax: str, name: str, sizes: slice
) -> None:
    """Before the library makes room for it: it may say gigabytes."""
    pixels = PixelFormat(rows=40, columns=40, bits_allocated=8, bits_stored=8)
    library = codec(syntax, name)
    data = bytearray(library.encode(noise(pixels)).data)
    bomb = struct.pack(">2H" if syntax == JPEG_LS else ">2I", 60000, 60000)
    at = data.index(b"\xff\xf7") - 4 if syntax == JPEG_LS else 0
    data[at + sizes.start : at + sizes.stop] = bomb
    with pytest.raises(UnreadableInstance, match="has 60000 rows and 60000 columns, where the"):
        library.decode(bytes(data), pixels)
    for short in (data[:2], data[: at + sizes.start]):
        with pytest.raises(UnreadableInstance, match="cut off in its header"):
            library.decode(bytes(short), pixels)


def test_a_code_stream_in_boxes_is_decoded() -> None:
    """No transfer syntax has them, and some devices write them."""
    pixels = PixelFormat(rows=40, columns=40, bits_allocated=8, bits_stored=8)
    lossless, frame = codec("1.2.840.10008.1.2.4.90", "pylibjpeg"), noise(pixels)
    samples = np.frombuffer(frame.data, "u1").reshape(40, 40)
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "JPEG2000", irreversible=False)
    assert file.getvalue().startswith(JP2)
    assert lossless.decode(file.getvalue(), pixels).data == frame.data


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


@pytest.mark.parametrize("signed", [False, True])
def test_a_jpeg_2000_loss_leaves_no_bits_beyond_bits_stored(signed: bool) -> None:
    """Where the code stream says more bits, it overshoots into them; without loss all stay."""
    sample = "i2" if signed else "u2"
    extremes = (np.indices((64, 64)).sum(axis=0) % 7 < 3) * 4095 - (2048 if signed else 0)
    pixels = PixelFormat(rows=64, columns=64, bits_allocated=16, bits_stored=16, signed=signed)
    wide = Frame(extremes.astype(sample).tobytes(), pixels)
    decoder, loss = codec(JPEG_2000, "pylibjpeg"), Loss(Measure.RATIO, 12)
    told = replace(pixels, bits_stored=12)
    lossy = decoder.encode_lossy(wide, loss).data
    overshot = np.frombuffer(decoder.decode(lossy, pixels).data, sample)
    drawn = np.frombuffer(decoder.decode(lossy, told).data, sample)
    least, most = (-2048, 2047) if signed else (0, 4095)
    assert overshot.max() > most
    assert np.array_equal(drawn, overshot.clip(least, most))
    lossless = codec("1.2.840.10008.1.2.4.90", "pylibjpeg").encode(noise(pixels)).data
    assert decoder.decode(lossless, told).data == noise(pixels).data


def test_a_jpeg_ls_image_without_its_end_costs_no_time() -> None:
    """CharLS would take seconds to give up, for every frame."""
    pixels = PixelFormat(rows=64, columns=64, bits_allocated=16, bits_stored=16)
    data = codec(JPEG_LS, "pyjpegls").encode(noise(pixels)).data
    with pytest.raises(UnreadableInstance, match="cut off: it has no end"):
        codec(JPEG_LS, "pyjpegls").decode(data[:200], pixels)
