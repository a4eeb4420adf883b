"""What the libraries behind pydicom do, and the archive has to know."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from pacs_codecs_pylibjpeg.codecs import PydicomCodec, available
from pacs_framework.codecs.pixels import PixelFormat

BASELINE, JPEG_LS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
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


def test_negative_jpeg_ls_samples_of_few_bits_are_left_to_others() -> None:
    """They would come back without their sign."""
    narrow = PixelFormat(rows=2, columns=2, bits_allocated=16, bits_stored=12, signed=True)
    whole = PixelFormat(rows=2, columns=2, bits_allocated=16, bits_stored=16, signed=True)
    assert not codec(JPEG_LS, "pyjpegls").can_decode(narrow)
    assert codec(JPEG_LS, "pyjpegls").can_decode(whole)
