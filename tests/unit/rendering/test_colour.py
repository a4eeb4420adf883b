"""RGB, YBR and palettes, with pydicom's functions as the oracle."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from pydicom.pixels import apply_color_lut, convert_color_space
from rendered import drawn, image, pixels

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.palette import expand_segments
from pacs_framework.rendering.voi import Window

COLOURS = ("Red", "Green", "Blue")
SAMPLES = st_numpy.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 4), st.just(3)))


def palette(ds, tables, *, bits=16, first=0, segmented=False) -> None:
    for colour, table in zip(COLOURS, tables, strict=True):
        prefix = f"{colour}PaletteColorLookupTable"
        setattr(ds, f"{prefix}Descriptor", [len(tables[0]) % 65536, first, bits])
        data = np.array(table, f"<u{bits // 8}").tobytes()
        setattr(ds, f"{prefix}Data", data + b"\0" * (len(data) % 2))
        if first < 0:
            ds[f"{prefix}Descriptor"].VR = "SS"


@given(SAMPLES)
@settings(deadline=None)
def test_rgb_is_as_stored_in_both_planar_configurations(values) -> None:
    assert np.array_equal(pixels(image(values)), values)
    planes = image(values.transpose(2, 0, 1), frames=1)
    planes.Rows, planes.Columns = values.shape[:2]
    planes.SamplesPerPixel, planes.PhotometricInterpretation = 3, "RGB"
    planes.PlanarConfiguration = 1
    assert np.array_equal(pixels(planes), values)


@given(SAMPLES)
@settings(deadline=None)
def test_ybr_full_becomes_rgb_rounded_to_the_nearest(values) -> None:
    """By the equations of PS3.3 C.7.6.3.1.2, solved for RGB; so pydicom has it, within a level."""
    ds = image(values, PhotometricInterpretation="YBR_FULL")
    y, cb, cr = (values[..., number].astype(float) - (number > 0) * 128 for number in range(3))
    exact = [y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb]
    made = pixels(ds)
    assert np.abs(made - np.clip(np.stack(exact, axis=-1), 0, 255)).max() < 0.51
    expected = convert_color_space(values, "YBR_FULL", "RGB").astype(int)
    assert np.abs(made - expected).max() <= 1


def test_two_pixels_of_ybr_full_422_share_their_colour() -> None:
    """Y1 Y2 Cb Cr, half as much colour as brightness (PS3.3 C.7.6.3.1.2)."""
    whole = np.array([[[76, 85, 255], [150, 85, 255], [20, 128, 128], [40, 128, 128]]], np.uint8)
    ds = image(whole, PhotometricInterpretation="YBR_FULL_422")
    ds.PixelData = bytes((76, 150, 85, 255, 20, 40, 128, 128))
    expected = pixels(image(whole, PhotometricInterpretation="YBR_FULL"))
    assert np.array_equal(pixels(ds), expected)
    assert expected[0, 2].tolist() == [20] * 3


def test_ybr_full_422_with_colour_for_every_pixel_is_taken_as_what_it_is() -> None:
    """Software that decompresses and forgets to say so."""
    values = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    ds = image(values, PhotometricInterpretation="YBR_FULL_422")
    expected = pixels(image(values, PhotometricInterpretation="YBR_FULL"))
    assert np.array_equal(pixels(ds), expected)


def test_colours_of_other_depths_are_drawn_in_8_bits() -> None:
    values = np.array([[[0, 0x80FF, 0xFFFF]]], np.uint16)
    assert pixels(image(values)).tolist() == [[[0, 0x80, 0xFF]]]
    assert pixels(image(values & 0xFFF, BitsStored=12, HighBit=11)).tolist() == [[[0, 15, 255]]]
    few = np.array([[[0, 8, 15]]], np.uint8)
    assert pixels(image(few, BitsStored=4, HighBit=3)).tolist() == [[[0, 136, 255]]]
    wide = np.array([[[0, 0x80FFFFFF, 0xFFFFFFFF]]], np.uint32)
    assert pixels(image(wide)).tolist() == [[[0, 0x80, 0xFF]]]


@pytest.mark.parametrize("photometric", ["YBR_RCT", "YBR_PARTIAL_420", "HSV"])
def test_colours_that_only_a_codec_knows_are_refused(photometric) -> None:
    ds = image(np.zeros((1, 2, 3), np.uint8), PhotometricInterpretation=photometric)
    with pytest.raises(UnreadableInstance, match=f"{photometric}', which cannot be drawn"):
        drawn(ds)


@pytest.mark.parametrize("view", [{"window": Window(1, 2)}, {"voi": 1}])
def test_a_window_for_colours_is_refused_and_not_ignored(view) -> None:
    with pytest.raises(UnreadableInstance, match="for greys, and this image is in 'RGB'"):
        drawn(image(np.zeros((1, 1, 3), np.uint8)), **view)


TABLES = st.integers(1, 40).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 65535), min_size=size, max_size=size), min_size=3, max_size=3
    )
)


@given(
    st.sampled_from((np.uint8, np.int16, np.uint16)).flatmap(
        lambda dtype: st_numpy.arrays(dtype, (2, 3))
    ),
    TABLES,
    st.integers(-50, 50),
    st.sampled_from((8, 16)),
)
@settings(max_examples=100, deadline=None)
def test_palettes_are_those_of_pydicom(values, tables, first, bits) -> None:
    """Of 8 and 16 bits; below and above the table, its outermost colours."""
    first = first if values.dtype.kind == "i" else abs(first)
    ds = image(values, PhotometricInterpretation="PALETTE COLOR")
    tables = [[entry >> 16 - bits for entry in table] for table in tables]
    palette(ds, tables, bits=bits, first=first)
    if bits == 8 and len(tables[0]) % 2:
        tables = [[*table, table[-1]] for table in tables]  # pydicom takes padding for an entry
        palette(ds, tables, bits=bits, first=first)
    # pydicom keeps the index in the type of the entries, which is too small for some.
    indexes = np.minimum(values.astype(np.int32), first + 255)
    expected = apply_color_lut(indexes, ds)
    assert np.array_equal(pixels(ds), expected >> bits - 8)


def test_a_palette_of_65536_colours_and_one_for_32_bits() -> None:
    """0 in the descriptor means 65536."""
    ramp = list(range(65536))
    values = np.array([[0, 0x1234, 0xFFFF]], np.uint16)
    for kind in (np.uint16, np.uint32):
        ds = image(values.astype(kind), PhotometricInterpretation="PALETTE COLOR")
        palette(ds, [ramp, ramp[::-1], ramp])
        assert pixels(ds).tolist() == [[[0, 255, 0], [0x12, 0xED, 0x12], [255, 0, 255]]]


@pytest.mark.parametrize("bits", [8, 16])
def test_segments_are_expanded_as_pydicom_does(bits) -> None:
    """Discrete and linear ones (PS3.3 C.7.9.2), as a palette of an image."""
    top = (1 << bits) - 1
    words = [0, 2, 5, top, 1, 7, 3, 1, 3, 3, 0, 1, 9]
    code = "B" if bits == 8 else "H"
    data = struct.pack(f"<{len(words)}{code}", *words)
    ds = image(
        np.arange(13, dtype=np.uint8).reshape(1, 13), PhotometricInterpretation="PALETTE COLOR"
    )
    for colour in COLOURS:
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [13, 0, bits])
        keyword = f"Segmented{colour}PaletteColorLookupTableData"
        setattr(ds, keyword, data + b"\0" * (len(data) % 2))
    expected = apply_color_lut(np.arange(13)[None], ds) >> bits - 8
    assert np.array_equal(pixels(ds), expected)
    assert len(expand_segments(data, bits)) == 13


@pytest.mark.parametrize("bits", [8, 16])
def test_an_indirect_segment_repeats_others_from_its_place_in_bytes(bits) -> None:
    """A linear segment begins at the last entry before it, wherever it is repeated (C.7.9.2.3)."""
    code, size = ("B", 1) if bits == 8 else ("H", 2)
    words = [0, 1, 10, 0, 2, 1, 2, 1, 2, 6]
    offset = struct.pack("<I", 3 * size)
    data = struct.pack(f"<{len(words)}{code}", *words) + struct.pack(f"<2{code}", 2, 2) + offset
    assert expand_segments(data, bits).tolist() == [10, 1, 2, 4, 6, 1, 2, 4, 6]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([1, 4, 9], "type 1 out of place"),
        ([3, 4, 9], "type 3 out of place"),
        ([0, 9, 1], "ends inside a segment"),
        ([0, 1, 5, 2, 1, 0], "ends inside a segment"),
        ([0, 1, 5, 2, 1, 6, 0], "type 2 out of place"),  # an indirect segment that names itself
        ([0, 1, 5, *([1, 65535, 9] * 2)], "more than 65536 entries"),
        ([0, 1, 5, 2, 65535, 0, 0], "ends inside a segment|out of place|more than"),
    ],
)
def test_segments_that_cannot_be_are_told_in_bounded_memory(words, told) -> None:
    with pytest.raises(UnreadableInstance, match=told):
        expand_segments(struct.pack(f"<{len(words)}H", *words), 16)


def test_a_palette_that_is_missing_or_too_short_is_told() -> None:
    ds = image(np.zeros((1, 1), np.uint8), PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(
        UnreadableInstance, match="RedPaletteColorLookupTableDescriptor has 0 values"
    ):
        drawn(ds)
    palette(ds, [[1, 2, 3]] * 3)
    ds.BluePaletteColorLookupTableData = b"\0\0"
    with pytest.raises(UnreadableInstance, match=r"BluePalette.* has 1 entries, .* says 3"):
        drawn(ds)


def test_the_colour_profile_of_the_image_goes_into_the_picture() -> None:
    ds = image(np.zeros((1, 1, 3), np.uint8), ICCProfile=b"profile ")
    assert drawn(ds).icc_profile == b"profile "
    assert drawn(image(np.zeros((1, 1), np.uint8), ICCProfile=b"profile ")).icc_profile == b""
