"""Pictures as files, read back by Pillow."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from pacs_framework.errors import InstanceError
from pacs_framework.rendering.picture import Picture, PictureFormat
from pacs_framework.rendering.png16 import png_of_16_bits

GREY = np.arange(200, dtype=np.uint8).reshape(10, 20)
COLOUR = np.stack([GREY, GREY[::-1], GREY], axis=-1)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    "pixels", [GREY, COLOUR, COLOUR.transpose(1, 0, 2)], ids=["grey", "colour", "a view"]
)
def test_png_holds_every_pixel_and_jpeg_nearly(pixels) -> None:
    picture = Picture(pixels=pixels)
    png = opened(picture.encoded())
    assert png.format == "PNG"
    assert np.array_equal(np.asarray(png), pixels)
    assert (picture.height, picture.width) == pixels.shape[:2]
    jpeg = opened(picture.encoded(PictureFormat.JPEG, quality=100))
    assert jpeg.format == "JPEG"
    assert (jpeg.mode == "RGB") == picture.is_colour
    assert np.abs(np.asarray(jpeg).astype(int) - pixels).mean() < 4


def test_the_quality_of_jpeg_counts() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    low, high = (
        len(Picture(pixels=noise).encoded(PictureFormat.JPEG, quality=quality))
        for quality in (10, 95)
    )
    assert low < high / 2


@pytest.mark.parametrize("form", PictureFormat)
def test_the_colour_profile_is_in_the_file(form) -> None:
    data = Picture(pixels=COLOUR, icc_profile=b"a profile").encoded(form)
    assert opened(data).info["icc_profile"] == b"a profile"


def test_what_jpeg_cannot_hold_is_told() -> None:
    wide = Picture(pixels=np.zeros((1, 65501), np.uint8))
    with pytest.raises(InstanceError, match="at most 65500 pixels on a side; take PNG"):
        wide.encoded(PictureFormat.JPEG)


@given(st_numpy.arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6))))
@settings(deadline=None)
def test_greys_of_16_bits_are_read_back_exactly(values) -> None:
    read = opened(png_of_16_bits(values))
    read.load()
    assert np.array_equal(np.asarray(read), values)


def test_colours_of_16_bits_are_in_the_file() -> None:
    """Pillow reads eight of them; the rest is looked up in the data."""
    values = np.arange(24, dtype=np.uint16).reshape(2, 4, 3) * 2711
    data = png_of_16_bits(values)
    assert np.array_equal(np.asarray(opened(data)), values >> 8)
    start = data.index(b"IDAT") + 4
    lines = np.frombuffer(zlib.decompressobj().decompress(data[start:]), np.uint8).reshape(2, -1)
    assert lines[:, 0].tolist() == [2, 2]
    rows = np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8)
    assert np.array_equal(rows.reshape(-1).view(">u2"), values.reshape(-1))
