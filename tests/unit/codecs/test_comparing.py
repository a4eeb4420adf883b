"""Frames that show the same."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import by_pixel, same_samples
from pacs_framework.codecs.pixels import PixelFormat

PIXELS = PixelFormat(
    rows=2,
    columns=3,
    samples_per_pixel=3,
    bits_allocated=8,
    bits_stored=8,
    photometric_interpretation="RGB",
)


@given(data=st.binary(min_size=36, max_size=36), size=st.sampled_from([1, 2]))
def test_planes_and_pixels_are_the_same(data: bytes, size: int) -> None:
    pixels = replace(PIXELS, bits_allocated=8 * size, bits_stored=8 * size)
    data = data[: pixels.frame_bytes]
    samples = [data[at : at + size] for at in range(0, len(data), size)]
    planes = b"".join(sample for start in range(3) for sample in samples[start::3])
    by_plane = Frame(planes, replace(pixels, planar_configuration=1))
    assert by_pixel(by_plane) == data
    assert same_samples(by_plane, Frame(data, pixels))


def test_another_colour_or_sample_is_not_the_same() -> None:
    frame = Frame(bytes(18), PIXELS)
    assert not same_samples(frame, Frame(bytes(17) + b"\1", PIXELS))
    other = replace(PIXELS, photometric_interpretation="YBR_FULL")
    assert not same_samples(frame, Frame(bytes(18), other))
