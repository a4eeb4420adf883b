"""The grayscale pipeline, with pydicom's functions as the oracle."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from pydicom import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import XRayAngiographicImageStorage
from rendered import drawn, image, lut_item, pixels

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering import grey
from pacs_framework.rendering.voi import NoSuchVoi, VoiFunction, Window

DTYPES = st.sampled_from((np.uint8, np.int8, np.uint16, np.int16))
FUNCTIONS = st.sampled_from([function.value for function in VoiFunction])
NUMBERS = st.integers(-4000, 4000)
WIDTHS = st.integers(1, 5000)


def arrays(dtype):
    return st_numpy.arrays(dtype, st.tuples(st.integers(1, 4), st.integers(1, 5)))


def shares(values: np.ndarray, ds: Dataset) -> np.ndarray:
    """What pydicom makes of modality values, as shares of its range of output."""
    ends = (0, (1 << ds.BitsStored) - 1)
    if ds.PixelRepresentation:
        ends = (-(1 << ds.BitsStored - 1), (1 << ds.BitsStored - 1) - 1)
    slope, intercept = float(ds.RescaleSlope), float(ds.RescaleIntercept)
    low, high = (end * slope + intercept for end in ends)
    with np.errstate(over="ignore"):  # far from a steep sigmoid
        return (apply_windowing(values, ds) - low) / (high - low)


def assert_greys(picture: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for a half that is rounded the other way."""
    assert picture.dtype == np.uint8
    assert np.abs(picture - 255 * expected).max() <= 0.5 + 1e-6


@given(
    DTYPES.flatmap(arrays),
    st.tuples(st.sampled_from((0.5, 1.0, 2.25)), NUMBERS),
    NUMBERS,
    WIDTHS,
    FUNCTIONS,
)
@settings(max_examples=150, deadline=None)
def test_windows_are_those_of_pydicom(values, rescale, center, width, function) -> None:
    """LINEAR, LINEAR_EXACT and SIGMOID, behind slope and intercept (PS3.3 C.11.1, C.11.2)."""
    slope, intercept = rescale
    ds = image(values, RescaleSlope=slope, RescaleIntercept=intercept)
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = center, width, function
    if function == "LINEAR" and width == 1:  # pydicom divides by nothing for it
        expected = (values * slope + intercept > center - 0.5).astype(float)
    else:
        expected = shares(apply_modality_lut(values, ds), ds)
    picture = drawn(ds)
    assert_greys(picture.pixels, expected)
    assert picture.voi == f"window {center:g}/{width:g} {function}"


@given(
    DTYPES.flatmap(arrays),
    st.integers(-200, 200),
    st.lists(st.integers(0, 4095), min_size=1, max_size=40),
    st.integers(12, 16),
)
@settings(max_examples=150, deadline=None)
def test_luts_are_those_of_pydicom(values, first, entries, bits) -> None:
    """Modality LUT and VOI LUT, each with first values that are negative too."""
    signed = values.dtype.kind == "i"
    first = first if signed else abs(first)
    item = lut_item(first, entries, bits, "SS" if signed else "US")
    ds = image(values, VOILUTSequence=Sequence([item]))
    expected = apply_voi_lut(values.astype(np.int32), deepcopy(ds))
    picture = drawn(ds)
    assert_greys(picture.pixels, expected / ((1 << bits) - 1))
    assert picture.voi == "VOI LUT 1"

    ds = image(values, ModalityLUTSequence=Sequence([lut_item(first, entries, 16)]))
    if signed:
        ds.ModalityLUTSequence[0]["LUTDescriptor"].VR = "SS"
    wide = Window(2048, 4096, VoiFunction.LINEAR_EXACT)
    measured = apply_modality_lut(values.astype(np.int32), ds)
    assert_greys(pixels(ds, window=wide), np.clip(measured / 4096, 0, 1))


@given(st.sampled_from((np.uint8, np.int8, np.uint16, np.int16)), st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_a_picture_by_table_is_the_one_by_computing(dtype, seed) -> None:
    """Large frames look up each cell, small ones compute each pixel."""
    info = np.iinfo(dtype)
    values = np.random.default_rng(seed).integers(
        info.min, info.max, (300, 300), dtype=dtype, endpoint=True
    )
    change = {
        "RescaleSlope": "1.5",
        "RescaleIntercept": "-7",
        "PhotometricInterpretation": "MONOCHROME1",
    }
    whole = pixels(image(values, **change), window=Window(30, 90))
    small = pixels(image(values[:10, :20], **change), window=Window(30, 90))
    assert np.array_equal(whole[:10, :20], small)


def test_a_linear_window_of_width_1_is_a_threshold() -> None:
    """At center - 0.5 itself a value is black (PS3.3 C.11.2.1.2.1)."""
    values = np.array([[9, 10, 11]], np.uint8)
    assert pixels(image(values), window=Window(10.5, 1)).tolist() == [[0, 0, 255]]


def test_a_voi_lut_takes_the_nearest_entry_of_a_fraction() -> None:
    ds = image(np.array([[1, 2, 3]], np.uint8), RescaleSlope="0.6", RescaleIntercept="0")
    ds.VOILUTSequence = Sequence([lut_item(0, [0, 50, 255], 8)])
    assert pixels(ds).tolist() == [[50, 50, 255]]


def test_monochrome1_and_inverse_have_the_lowest_value_white() -> None:
    """And both together once, as DX images have them (PS3.3 C.8.11.3)."""
    values = np.array([[0, 100, 255]], np.uint8)
    plain = pixels(image(values))
    assert plain.tolist() == [[0, 100, 255]]
    for change in (
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ):
        assert pixels(image(values, **change)).tolist() == [[255, 155, 0]]
    assert pixels(image(values, PresentationLUTShape="IDENTITY")).tolist() == plain.tolist()


@pytest.mark.parametrize(
    ("padding", "span"),
    [
        ({}, "span -2000 to 3000"),
        ({"PixelPaddingValue": -2000}, "span -1500 to 3000"),
        ({"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1500}, "span 0 to 3000"),
        ({"PixelPaddingValue": 3000, "PixelPaddingRangeLimit": 50}, "span -2000 to 0"),
    ],
)
def test_without_a_voi_transform_the_frame_is_spanned_without_its_padding(padding, span) -> None:
    values = np.array([[-2000, -1500, 0, 3000]], np.int16)
    ds = image(values, **padding)
    picture = drawn(ds)
    assert picture.voi == span
    low, high = (float(word) for word in span.split()[1::2])
    assert_greys(picture.pixels, np.clip((values - low) / (high - low), 0, 1))


def test_padding_in_an_unsigned_vr_is_the_signed_value_that_it_means() -> None:
    """63536 for -2000, as many scanners write it."""
    ds = image(np.array([[-2000, 0, 10]], np.int16))
    ds.add_new(0x00280120, "US", 63536)
    assert drawn(ds).voi == "span 0 to 10"


def test_an_even_frame_is_black_and_single_bits_are_black_and_white() -> None:
    assert pixels(image(np.full((2, 2), 7, np.uint8))).tolist() == [[0, 0], [0, 0]]
    bits = image(np.array([[0b10110]], np.uint8), Rows=1, Columns=5, BitsAllocated=1, BitsStored=1)
    bits.HighBit = 0
    assert pixels(bits).tolist() == [[0, 255, 255, 0, 255]]
    bits.PixelData = b"\x1f\0"
    assert pixels(bits).tolist() == [[255] * 5]


@pytest.mark.parametrize(("signed", "expected"), [(0, [15, 8, 1]), (1, [-1, -8, 1])])
def test_only_stored_bits_are_values(signed, expected) -> None:
    """Bits above and below are something else (PS3.5 8.1.1); the sign is that of the value."""
    cells = np.array([[0xFFF3, 0x0283, 0x0047]], np.uint16)
    ds = image(cells, BitsStored=4, HighBit=9, PixelRepresentation=signed)
    cells[:] = [[0xFFF3, 0xFA3F, 0x0047]]
    ds.PixelData = cells.tobytes()
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = 0, 32, "LINEAR_EXACT"
    assert_greys(pixels(ds), np.array([expected]) / 32 + 0.5)


def test_cells_of_32_bits_and_floats_are_drawn() -> None:
    wide = image(np.array([[0, 1_000_000, 4_000_000_000]], np.uint32))
    assert pixels(wide).tolist() == [[0, 0, 255]]
    values = np.array([[-1.5, np.nan, 0.0, 1.5, np.inf]], "<f4")
    ds = image(np.zeros((1, 5), np.uint8))
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ds, keyword)
    ds.BitsAllocated, ds.FloatPixelData = 32, values.tobytes()
    picture = drawn(ds)
    assert picture.voi == "span -1.5 to 1.5"
    assert picture.pixels.tolist() == [[0, 0, 128, 255, 255]]


def test_a_large_frame_is_computed_band_by_band(monkeypatch) -> None:
    """With the picture that it has in one piece, also where the last band is shorter."""
    values = np.random.default_rng(3).integers(0, 60_000, (7, 5), dtype=np.uint32)
    whole = pixels(image(values))
    monkeypatch.setattr(grey, "_BAND", 10)
    assert np.array_equal(pixels(image(values)), whole)
    assert np.array_equal(whole, pixels(image(values.astype(np.uint16))))


def test_functional_groups_of_the_frame_come_first() -> None:
    """Each frame of an enhanced image has its slope and its window (PS3.3 C.7.6.16)."""
    values = np.full((2, 1, 1), 10, np.uint8)
    ds = image(values, frames=2, WindowCenter=1, WindowWidth=1)

    def group(center: int, slope: int | None) -> Dataset:
        item, voi, value = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 100
        item.FrameVOILUTSequence = Sequence([voi])
        if slope:
            value.RescaleSlope, value.RescaleIntercept = slope, 0
            item.PixelValueTransformationSequence = Sequence([value])
        return item

    ds.PerFrameFunctionalGroupsSequence = Sequence([group(10, 2), group(40, None)])
    ds.SharedFunctionalGroupsSequence = Sequence([group(99, 4)])
    window = Window(10, 100), Window(40, 100)
    for number, measured in ((1, 20), (2, 40)):
        picture = drawn(ds, number)
        assert picture.voi == window[number - 1].in_words
        assert_greys(picture.pixels, window[number - 1].shares(np.array([[measured]])))


def test_voi_transforms_are_numbered_luts_first() -> None:
    values = np.array([[0, 1]], np.uint8)
    ds = image(values, VOILUTSequence=Sequence([lut_item(0, [9, 8]), lut_item(0, [7, 6])]))
    ds.WindowCenter, ds.WindowWidth = [1, 2], [3, 4]
    said = [drawn(ds, voi=number).voi for number in range(1, 5)]
    assert said == ["VOI LUT 1", "VOI LUT 2", "window 1/3 LINEAR", "window 2/4 LINEAR"]
    assert drawn(ds).voi == "VOI LUT 1"
    with pytest.raises(NoSuchVoi, match="no VOI transform 5: the header has 2 LUTs and 2 windows"):
        drawn(ds, voi=5)


def test_a_window_without_width_is_passed_over_unless_asked_for() -> None:
    ds = image(np.array([[0, 10]], np.uint8), WindowCenter=[5, 6], WindowWidth=[0, 4])
    assert drawn(ds).voi == "window 6/4 LINEAR"
    with pytest.raises(UnreadableInstance, match="LINEAR window is 0; it has to be at least 1"):
        drawn(ds, voi=1)
    ds.WindowWidth = [0, 0]
    assert drawn(ds).voi == "span 0 to 10"


@pytest.mark.parametrize(
    ("relationship", "applied"), [("LOG", False), ("DISP", False), ("LIN", True)]
)
def test_the_lut_of_an_angiogram_that_undoes_its_logarithm_is_not_for_display(
    relationship, applied
) -> None:
    ds = image(np.array([[0, 1]], np.uint8), SOPClassUID=XRayAngiographicImageStorage)
    ds.ModalityLUTSequence = Sequence([lut_item(0, [500, 900])])
    ds.PixelIntensityRelationship = relationship
    assert drawn(ds).voi == ("span 500 to 900" if applied else "span 0 to 1")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"RescaleSlope": "0", "RescaleIntercept": "1"}, "RescaleSlope is 0"),
        ({"WindowCenter": "1", "WindowWidth": "2", "VOILUTFunction": "CUBIC"}, "is 'CUBIC', not"),
        ({"VOILUTSequence": Sequence([Dataset()])}, "LUTDescriptor has 0 values, not 3"),
        ({"VOILUTSequence": Sequence([lut_item(0, [1], 17)])}, "says 17 bits for an entry"),
    ],
)
def test_a_header_that_cannot_be_is_told(change, told) -> None:
    with pytest.raises(UnreadableInstance, match=told):
        drawn(image(np.array([[0, 1]], np.uint8), **change))


def test_a_lut_that_is_too_short_is_told_and_one_with_larger_entries_is_not_cut() -> None:
    item = lut_item(0, [0, 4095], 8)
    ds = image(np.array([[0, 1]], np.uint8), VOILUTSequence=Sequence([item]))
    assert pixels(ds).tolist() == [[0, 255]]
    item.LUTDescriptor = [3, 0, 8]
    item.LUTData = b"\0\0"
    with pytest.raises(
        UnreadableInstance, match="LUTData has 2 entries, where the descriptor says 3"
    ):
        drawn(ds)


@pytest.mark.parametrize("window", [(1, 0.5), (1, -3), (float("nan"), 4), (1, float("inf"))])
def test_a_window_that_cannot_be_is_refused(window) -> None:
    with pytest.raises(ValueError, match="window"):
        Window(*window)
