"""Films compared as pictures with what NumPy makes of the same images."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from pictures import cubic, image, lanczos, printer, resampled, triangle

from pacs_print.composing import compose
from pacs_print.film import Film, FilmImage
from pacs_print.terms import (
    DecimateCrop,
    Density,
    FilmError,
    Magnification,
    Orientation,
    Polarity,
    Resolution,
    Smoothing,
)

WHOLE = 4095  # the brightest P-value of 12 bits


def p_values(own: FilmImage) -> np.ndarray:
    return own.pixels / ((1 << own.bits) - 1) * WHOLE


def test_a_sheet_is_as_large_as_its_film_at_the_printers_resolution():
    sheet = compose(Film(), printer())
    assert sheet.pixels.shape == (1500, 1000)
    assert (sheet.bits, sheet.pixels.dtype, sheet.dpi) == (12, np.uint16, 254)
    assert sheet.size == pytest.approx((100, 150))


def test_high_resolution_has_more_pixels_on_the_same_film():
    sheet = compose(Film(resolution=Resolution.HIGH), printer())
    assert sheet.pixels.shape == (3000, 2000)
    assert sheet.size == pytest.approx((100, 150))


def test_a_printer_of_8_bits_makes_sheets_of_8_bits():
    assert compose(Film(), printer(bits=8)).pixels.dtype == np.uint8


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize(
    ("magnification", "smoothing", "kernel"),
    [
        (Magnification.BILINEAR, None, triangle),
        (Magnification.CUBIC, Smoothing.MEDIUM, cubic),
        (Magnification.CUBIC, Smoothing.SHARP, lanczos),
    ],
)
@pytest.mark.parametrize("size", [(50, 50), (1900, 1300)], ids=["magnified", "decimated"])
def test_interpolation_is_the_one_that_is_asked_for(bits, magnification, smoothing, kernel, size):
    """Within one of 4095 P-values, over all strips that it is done in."""
    own = image(*size, bits=bits)
    film = Film(images={1: own}, magnification=magnification, smoothing=smoothing)
    sheet = compose(film, printer())
    rows, columns = (1000, 1000) if size == (50, 50) else (1462, 1000)
    expected = np.clip(resampled(p_values(own), rows, columns, kernel), 0, WHOLE)
    top = (1500 - rows) // 2
    shown = sheet.pixels[top : top + rows]
    assert np.abs(shown - expected).max() <= 1.0


def test_smooth_is_cubic_over_a_binomial_mean():
    own = image(50, 50)
    film = Film(images={1: own}, smoothing=Smoothing.SMOOTH)
    padded = np.pad(p_values(own), 1, mode="edge")
    down = (padded[:-2] + 4 * padded[1:-1] + padded[2:]) / 6
    smooth = (down[:, :-2] + 4 * down[:, 1:-1] + down[:, 2:]) / 6
    expected = np.clip(resampled(smooth, 1000, 1000, cubic), 0, WHOLE)
    shown = compose(film, printer()).pixels[250:1250]
    assert np.abs(shown - expected).max() <= 1.0


def test_colours_are_smoothed_too():
    rgb = np.zeros((50, 50, 3), np.uint8)
    rgb[25, 25] = (0, 90, 180)
    own = FilmImage(pixels=rgb, photometric_interpretation="RGB", smoothing=Smoothing.SMOOTH)
    shown = compose(Film(colour=True, images={1: own}), printer()).pixels[250:1250]
    smooth = np.zeros((50, 50))
    smooth[24:27, 24:27] = np.outer([1, 4, 1], [1, 4, 1]) / 36
    for channel, value in ((1, 90), (2, 180)):
        expected = np.clip(resampled(np.rint(smooth * value), 1000, 1000, cubic), 0, 255)
        assert np.abs(shown[..., channel] - expected).max() <= 1.0
    assert not shown[..., 0].any()


def test_smoothing_is_for_cubic_alone():
    """PS3.3 Table C.13-3, Smoothing Type."""
    films = [
        Film(images={1: image()}, magnification=Magnification.BILINEAR, smoothing=each)
        for each in (Smoothing.SMOOTH, Smoothing.SHARP)
    ]
    first, second = (compose(film, printer()).pixels for film in films)
    assert np.array_equal(first, second)


def test_replicated_pixels_are_squares_of_one_value():
    own = image(50, 50)
    film = Film(images={1: own}, magnification=Magnification.REPLICATE)
    shown = compose(film, printer()).pixels[250:1250]
    assert np.array_equal(shown, np.kron(np.rint(p_values(own)), np.ones((20, 20))))


def test_without_magnification_pixels_stay_what_they_are():
    own = image(200, 300, bits=12)
    film = Film(images={1: own}, magnification=Magnification.NONE)
    assert np.array_equal(compose(film, printer()).pixels[650:850, 350:650], own.pixels)


def test_a_cropped_image_shows_its_middle_pixel_for_pixel():
    own = image(1600, 1200, bits=12, decimate_or_crop=DecimateCrop.CROP)
    film = Film(images={1: own}, magnification=Magnification.REPLICATE)
    assert np.array_equal(compose(film, printer()).pixels, own.pixels[50:1550, 100:1100])


def test_images_lie_in_their_boxes_and_nowhere_else():
    """Four boxes, two of them filled; border, empty boxes and what an image leaves free differ."""
    own = {1: image(60, 30, bits=12), 4: image(20, 40, bits=12)}
    film = Film(
        display_format="STANDARD\\2,2",
        images=own,
        magnification=Magnification.REPLICATE,
        border_density=Density.WHITE,
        empty_image_density=Density.BLACK,
    )
    sheet = compose(film, printer(margin=10, gap=20))
    expected = np.full((1500, 1000), WHOLE)
    for top in (100, 850):
        for left in (100, 600):
            expected[top : top + 550, left : left + 300] = 0
    # 30 × 60 in 300 × 550: 275 wide; 40 × 20 in the same: 150 high.
    rows, columns = ((np.arange(550) + 0.5) * 60 // 550), ((np.arange(275) + 0.5) * 30 // 275)
    expected[100:650, 112:387] = own[1].pixels[np.ix_(rows.astype(int), columns.astype(int))]
    rows, columns = ((np.arange(150) + 0.5) * 20 // 150), ((np.arange(300) + 0.5) * 40 // 300)
    expected[1050:1200, 600:900] = own[4].pixels[np.ix_(rows.astype(int), columns.astype(int))]
    assert np.array_equal(sheet.pixels, expected)


def test_landscape_is_wider_than_high():
    sheet = compose(Film(orientation=Orientation.LANDSCAPE), printer())
    assert sheet.pixels.shape == (1000, 1500)


def test_polarity_turns_an_image_and_nothing_else():
    shown = {
        polarity: compose(
            Film(images={1: image(polarity=polarity)}, magnification=Magnification.REPLICATE),
            printer(),
        ).pixels
        for polarity in Polarity
    }
    normal, reverse = shown[Polarity.NORMAL], shown[Polarity.REVERSE]
    assert np.array_equal(normal[250:1250] + reverse[250:1250], np.full((1000, 1000), WHOLE))
    assert np.array_equal(normal[:250], reverse[:250])


@pytest.mark.parametrize(
    ("asked", "density"),
    [(Density.BLACK, 3.0), (Density.WHITE, 0.2), (150, 1.5), (0, 0.2), (900, 3.0)],
)
def test_borders_have_the_density_that_is_asked_for(asked, density):
    film = Film(border_density=asked, empty_image_density=asked)
    sheet = compose(film, printer())
    shown = sheet.tone.hardcopy.density(sheet.pixels[0, 0] / WHOLE)
    assert shown == pytest.approx(density, abs=0.01)
    assert (sheet.pixels == sheet.pixels[0, 0]).all()


def test_black_and_white_are_those_of_the_film():
    film = Film(border_density=Density.BLACK, max_density=200, min_density=100)
    sheet = compose(film, printer(margin=10))
    assert sheet.tone.hardcopy.density(sheet.pixels[0, 0] / WHOLE) == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("border", "line"), [(Density.BLACK, WHOLE), (Density.WHITE, 0)])
def test_a_trim_box_is_a_line_around_an_image(border, line):
    own = image(50, 50, bits=12)
    film = Film(images={1: own}, trim=True, border_density=border, empty_image_density=border)
    without = compose(
        Film(images={1: own}, border_density=border, empty_image_density=border), printer(margin=10)
    ).pixels
    trimmed = compose(film, printer(margin=10)).pixels
    expected = without.copy()
    expected[347:1153, 97:903] = line  # 0.3 mm are three pixels
    expected[350:1150, 100:900] = without[350:1150, 100:900]
    assert np.array_equal(trimmed, expected)


def test_colours_are_printed_as_they_are():
    rgb = np.random.default_rng(1).integers(0, 256, (50, 50, 3), np.uint8)
    own = FilmImage(pixels=rgb, photometric_interpretation="RGB")
    film = Film(colour=True, images={1: own}, magnification=Magnification.REPLICATE)
    sheet = compose(film, printer())
    assert (sheet.bits, sheet.pixels.shape, sheet.pixels.dtype) == (8, (1500, 1000, 3), np.uint8)
    assert np.array_equal(sheet.pixels[250:1250], np.kron(rgb, np.ones((20, 20, 1), np.uint8)))
    assert not sheet.pixels[:250].any()


def test_colours_are_interpolated_each_for_itself():
    rgb = np.random.default_rng(1).integers(0, 256, (50, 50, 3), np.uint8)
    own = FilmImage(pixels=rgb, photometric_interpretation="RGB", polarity=Polarity.REVERSE)
    film = Film(colour=True, images={1: own}, magnification=Magnification.BILINEAR)
    shown = compose(film, printer()).pixels[250:1250]
    for channel in range(3):
        expected = resampled(255 - rgb[..., channel], 1000, 1000, triangle)
        assert np.abs(shown[..., channel] - expected).max() <= 1.01


def test_a_gray_image_among_colours_is_as_dark_as_on_a_gray_film():
    own = image(bits=8)
    film = Film(colour=True, images={1: own}, magnification=Magnification.REPLICATE)
    sheet = compose(film, printer(bits=8))
    gray = compose(Film(images={1: own}, magnification=Magnification.REPLICATE), printer(bits=8))
    assert np.abs(sheet.pixels[..., 1].astype(int) - gray.driven(8)).max() <= 1


def test_drive_levels_make_the_densities_of_the_p_values():
    sheet = compose(Film(images={1: image(bits=12)}), printer())
    hardcopy = sheet.tone.hardcopy
    light = 10 ** -hardcopy.density(np.arange(4096) / WHOLE)
    black, white = 10**-3.0, 10**-0.2
    linear = (light - black) / (white - black)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    expected = curve[sheet.pixels] * 65535
    assert np.abs(sheet.driven(16) - expected).max() <= 1.0


def test_strips_are_the_whole_from_top_to_bottom():
    sheet = compose(Film(images={1: image()}), printer())
    assert np.array_equal(np.concatenate(list(sheet.strips(8))), sheet.driven(8))


@pytest.mark.parametrize(
    ("film", "message"),
    [
        (Film(images={2: image()}), "no image box 2"),
        (Film(images={0: image()}), "no image box 0"),
        (
            Film(images={1: image(1600, 10, decimate_or_crop=DecimateCrop.FAIL)}),
            "the image in box 1 is too large",
        ),
        (Film(annotations={1: "words"}), "no annotation box 1"),
        (Film(annotation_format="TOP", annotations={2: "words"}), "no annotation box 2"),
        (Film(display_format="NONE"), "no image display format"),
        (Film(size_id="1X1"), "no film size"),
    ],
)
def test_what_cannot_be_composed_is_refused_with_the_reason(film, message):
    with pytest.raises(FilmError, match=message):
        compose(film, printer())


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"photometric_interpretation": "YBR_FULL"}, "YBR_FULL"),
        ({"photometric_interpretation": "RGB"}, "are no RGB"),
        ({"bits": 12}, "do not hold 12 bits"),
        ({"pixel_aspect_ratio": (0, 1)}, "cannot be"),
        ({"requested_size": 0.0}, "cannot be printed"),
        ({"pixels": np.zeros((0, 5), np.uint8)}, "are no MONOCHROME2"),
        ({"pixels": np.zeros((5, 5), np.int16)}, "int16"),
    ],
)
def test_an_image_that_cannot_be_is_refused(attributes, message):
    with pytest.raises(FilmError, match=message):
        FilmImage(**{"pixels": np.zeros((5, 5), np.uint8), **attributes})


def test_colours_do_not_go_on_a_film_of_gray():
    own = FilmImage(pixels=np.zeros((5, 5, 3), np.uint8), photometric_interpretation="RGB")
    with pytest.raises(FilmError, match="RGB"):
        Film(images={1: own})


_LARGE = """
import resource, sys
import numpy as np
from pacs_print.composing import compose
from pacs_print.film import Film, FilmImage
from pacs_print.printers import PrinterSettings
settings = PrinterSettings(ae_title="FILM", bits=12, dpi=600)
own = FilmImage(pixels=np.zeros((3000, 2500), np.uint16), bits=12)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sheet = compose(Film(images={1: own}), settings)
for strip in sheet.strips(16):
    pass
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(grown * 1024, sheet.pixels.nbytes)
"""


def test_memory_is_that_of_the_sheet_and_of_a_few_strips():
    """14 × 17 inches at 600 dpi are 171 MB of 12 bits; one image over all of it takes little more.

    The image itself is 30 MB as fractions, twice while it is made.
    """
    run = subprocess.run(
        [sys.executable, "-c", _LARGE], capture_output=True, text=True, check=True, timeout=100
    )
    grown, sheet = (int(word) for word in run.stdout.split())
    assert sheet == 8400 * 10200 * 2
    assert grown < sheet + 130_000_000


@pytest.mark.parametrize("smoothing", list(Smoothing))
@pytest.mark.parametrize("magnification", list(Magnification))
def test_an_image_much_larger_than_its_sheet_takes_little_memory(magnification, smoothing):
    """Of 36 million pixels; the sheet has 1.5 million of two bytes each."""
    large = FilmImage(
        pixels=np.broadcast_to(np.uint8(7), (6000, 6000)),
        magnification=magnification,
        smoothing=smoothing,
    )
    compose(Film(), printer())  # tables that are kept
    tracemalloc.start()
    try:
        compose(Film(images={1: large}), printer())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 80 << 20
