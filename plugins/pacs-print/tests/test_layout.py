"""Where boxes lie on a film."""

from __future__ import annotations

import re

import pytest
from pictures import printer

from pacs_print.layout import Box, count_boxes, film_size, lay_out
from pacs_print.terms import FilmError, Orientation

MM = 25.4


@pytest.mark.parametrize(
    ("size_id", "size"),
    [
        ("8INX10IN", (8 * MM, 10 * MM)),
        ("8_5INX11IN", (8.5 * MM, 11 * MM)),
        ("10INX12IN", (10 * MM, 12 * MM)),
        ("10INX14IN", (257, 364)),
        ("11INX14IN", (11 * MM, 14 * MM)),
        ("11INX17IN", (11 * MM, 17 * MM)),
        ("14INX14IN", (14 * MM, 14 * MM)),
        ("14INX17IN", (14 * MM, 17 * MM)),
        ("24CMX24CM", (240, 240)),
        ("24CMX30CM", (240, 300)),
        ("A4", (210, 297)),
        ("A3", (297, 420)),
        ("17INX14IN", (14 * MM, 17 * MM)),
        ("100MMX150MM", (100, 150)),
    ],
)
def test_a_film_is_as_large_as_its_name_says(size_id, size):
    assert film_size(size_id) == pytest.approx(size)


@pytest.mark.parametrize("size_id", ["", "A5", "14X17", "14INX17INX2IN", "1INX2IN", "999INX999IN"])
def test_what_is_no_film_size_is_refused(size_id):
    with pytest.raises(FilmError, match=re.escape(repr(size_id))):
        film_size(size_id)


def test_columns_come_before_rows():
    r"""STANDARD\C,R: from left to right and from top to bottom (PS3.3 C.13.5.1)."""
    laid = lay_out(printer(), "STANDARD\\2,3")
    assert laid.images == (
        Box(0, 0, 50, 50),
        Box(50, 0, 50, 50),
        Box(0, 50, 50, 50),
        Box(50, 50, 50, 50),
        Box(0, 100, 50, 50),
        Box(50, 100, 50, 50),
    )


def test_margin_and_gap_are_kept_free():
    laid = lay_out(printer(margin=5, gap=10), "STANDARD\\2,2")
    assert laid.images == (
        Box(5, 5, 40, 65),
        Box(55, 5, 40, 65),
        Box(5, 80, 40, 65),
        Box(55, 80, 40, 65),
    )


def test_rows_have_as_many_boxes_as_they_say():
    laid = lay_out(printer(), "ROW\\1,2")
    assert laid.images == (Box(0, 0, 100, 75), Box(0, 75, 50, 75), Box(50, 75, 50, 75))


def test_columns_are_filled_from_top_to_bottom():
    laid = lay_out(printer(), "COL\\2,1")
    assert laid.images == (Box(0, 0, 50, 75), Box(0, 75, 50, 75), Box(50, 0, 50, 150))


def test_landscape_lays_the_film_on_its_side():
    laid = lay_out(printer(), "STANDARD\\1,1", orientation=Orientation.LANDSCAPE)
    assert (laid.width, laid.height, laid.images) == (150, 100, (Box(0, 0, 150, 100),))


@pytest.mark.parametrize(
    ("display_format", "window"), [("SLIDE", (36, 24)), ("SUPERSLIDE", (40, 40))]
)
def test_slides_are_as_many_as_their_mounts_have_room(display_format, window):
    """100 mm × 150 mm: two by three mounts of 50 mm, each with its window in the middle."""
    boxes = lay_out(printer(), display_format).images
    assert len(boxes) == 6
    assert {(box.width, box.height) for box in boxes} == {window}
    centres = [(box.left + box.width / 2, box.top + box.height / 2) for box in boxes]
    assert centres == [(25, 25), (75, 25), (25, 75), (75, 75), (25, 125), (75, 125)]


def test_custom_formats_are_shares_of_the_printable_area():
    settings = printer(margin=5, custom_formats={"7": [(0, 0, 1, 0.5), (0.5, 0.5, 0.5, 0.5)]})
    assert lay_out(settings, "CUSTOM\\7").images == (Box(5, 5, 90, 70), Box(50, 75, 45, 70))


@pytest.mark.parametrize(
    "display_format",
    [
        "",
        "STANDARD",
        "STANDARD\\2",
        "STANDARD\\2,3,4",
        "STANDARD\\0,1",
        "STANDARD\\-1,1",
        "STANDARD\\x,1",
        "STANDARD\\40,40",
        "STANDARD\\99999,1",
        "ROW\\",
        "COL\\1,,2",
        "SLIDE\\1",
        "CUSTOM\\8",
        "STANDARD\\60,1",
        "standard\\1,1",
    ],
)
def test_a_format_that_cannot_be_is_refused(display_format):
    with pytest.raises(FilmError):
        count_boxes(printer(), display_format)


def test_slides_do_not_go_on_a_film_without_room():
    with pytest.raises(FilmError, match="have no room"):
        count_boxes(printer(sizes=("40MMX60MM",)), "SLIDE")


def test_images_make_room_for_the_annotations_of_built_in_formats():
    laid = lay_out(printer(gap=1), "STANDARD\\1,1", annotation_format="COMBINED")
    assert laid.images == (Box(0, 6, 100, 138),)
    assert [(round(box.left, 3), box.top) for box in laid.annotations] == [
        (0, 0),
        (33.333, 0),
        (66.667, 0),
        (0, 145),
        (33.333, 145),
        (66.667, 145),
    ]


def test_annotation_formats_of_a_site_lie_where_it_wants_them():
    settings = printer(annotation_formats={"CORNER": [(0.5, 0, 0.5, 0.1)]})
    laid = lay_out(settings, "STANDARD\\1,1", annotation_format="CORNER")
    assert laid.annotations == (Box(50, 0, 50, 15),)
    assert laid.images == (Box(0, 0, 100, 150),)


def test_an_unknown_annotation_format_is_refused_with_those_there_are():
    with pytest.raises(FilmError, match="this printer has BOTTOM, COMBINED, LABEL, TOP"):
        lay_out(printer(), "STANDARD\\1,1", annotation_format="MINE")
