"""How large an image becomes in its box: shape, size, decimation and cropping."""

from __future__ import annotations

import pytest
from pictures import image

from pacs_print.layout import Box
from pacs_print.placing import Outcome, Rectangle, in_pixels, place
from pacs_print.terms import DecimateCrop, FilmError, Magnification

BOX = Rectangle(100, 200, 400, 300)
DPI = 254  # 1 mm is 10 pixels
CUBIC = Magnification.CUBIC


def test_an_image_fills_its_box_and_keeps_its_shape():
    placed = place(image(50, 50), BOX, DPI, CUBIC)
    assert (placed.outcome, placed.target) == (Outcome.FITS, Rectangle(150, 200, 300, 300))
    assert placed.window == (0, 0, 50, 50)


@pytest.mark.parametrize(
    ("ratio", "target"),
    [((2, 1), Rectangle(225, 200, 150, 300)), ((1, 2), Rectangle(100, 250, 400, 200))],
)
def test_pixels_that_are_no_squares_keep_their_shape(ratio, target):
    """Pixel Aspect Ratio is vertical to horizontal (PS3.3 C.7.6.3.1.7)."""
    assert place(image(pixel_aspect_ratio=ratio), BOX, DPI, CUBIC).target == target


def test_without_magnification_a_pixel_is_a_pixel():
    placed = place(image(60, 80), BOX, DPI, Magnification.NONE)
    assert placed.target == Rectangle(260, 320, 80, 60)
    assert placed.magnification is Magnification.NONE


def test_what_an_image_wants_goes_before_what_its_film_wants():
    own = image(60, 80, magnification=Magnification.REPLICATE)
    placed = place(own, BOX, DPI, Magnification.NONE)
    assert (placed.magnification, placed.target.width) == (Magnification.REPLICATE, 400)


def test_a_requested_size_is_the_width_in_mm():
    placed = place(image(50, 100, requested_size=20.0), BOX, DPI, CUBIC)
    assert placed.target == Rectangle(200, 300, 200, 100)


def test_a_requested_size_repeats_pixels_where_no_new_values_are_wanted():
    placed = place(image(50, 50, requested_size=10.0), BOX, DPI, Magnification.NONE)
    assert (placed.target.width, placed.magnification) == (100, Magnification.REPLICATE)


@pytest.mark.parametrize(
    ("rows", "columns", "requested"), [(600, 800, None), (400, 200, None), (30, 40, 60.0)]
)
def test_an_image_that_is_too_large_is_decimated_unless_it_says_otherwise(rows, columns, requested):
    placed = place(image(rows, columns, requested_size=requested), BOX, DPI, CUBIC)
    assert placed.outcome is Outcome.DECIMATED
    assert placed.window == (0, 0, columns, rows)
    assert placed.target.width / placed.target.height == pytest.approx(columns / rows, rel=0.01)
    assert placed.target.width == 400 or placed.target.height == 300


def test_cropping_shows_the_middle_pixel_for_pixel():
    own = image(600, 800, decimate_or_crop=DecimateCrop.CROP)
    placed = place(own, BOX, DPI, CUBIC)
    assert (placed.outcome, placed.target) == (Outcome.CROPPED, BOX)
    assert placed.window == (200, 150, 600, 450)


def test_cropping_keeps_the_requested_size():
    """80 mm wide, of which 40 mm have room."""
    own = image(60, 80, requested_size=80.0, decimate_or_crop=DecimateCrop.CROP)
    placed = place(own, BOX, DPI, CUBIC)
    assert (placed.outcome, placed.target, placed.window) == (
        Outcome.CROPPED,
        BOX,
        (20, 15, 60, 45),
    )


def test_cropping_cuts_only_what_has_no_room():
    own = image(100, 800, decimate_or_crop=DecimateCrop.CROP)
    placed = place(own, BOX, DPI, CUBIC)
    assert (placed.target, placed.window) == (Rectangle(100, 300, 400, 100), (200, 0, 600, 100))


def test_an_image_that_may_not_be_changed_says_that_it_is_too_large():
    own = image(301, 10, decimate_or_crop=DecimateCrop.FAIL)
    assert place(own, BOX, DPI, CUBIC).outcome is Outcome.TOO_LARGE


@pytest.mark.parametrize("behaviour", DecimateCrop)
def test_an_image_that_fits_is_magnified_whatever_it_says_of_larger_ones(behaviour):
    placed = place(image(300, 400, decimate_or_crop=behaviour), BOX, DPI, CUBIC)
    assert (placed.outcome, placed.target) == (Outcome.FITS, BOX)


def test_an_image_without_a_pixel_is_refused():
    with pytest.raises(FilmError, match=r"0\.05 mm"):
        place(image(requested_size=0.05), BOX, DPI, CUBIC)


def test_edges_of_neighbours_fall_together():
    """Boxes of 33.3 mm side by side leave no pixel between them, and share none."""
    boxes = [in_pixels(Box(i * 100 / 3, 0, 100 / 3, 10), DPI) for i in range(3)]
    assert [box.left for box in boxes[1:]] == [box.left + box.width for box in boxes[:-1]]
    assert boxes[-1].left + boxes[-1].width == 1000
