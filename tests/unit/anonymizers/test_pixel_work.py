"""Regions of images: where they are, and what is left around others."""

from __future__ import annotations

import pickle
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_framework.anonymizers.pixel_work import PixelWork, Region, outside

COLUMNS, ROWS = 12, 9


def at(left: int, top: int, width: int, height: int, **more) -> Region:
    return Region(left=left, top=top, width=width, height=height, **more)


def pixels_of(regions) -> list[tuple[int, int]]:
    return [
        (column, row)
        for each in regions
        for column, row in product(
            range(each.left, each.left + each.width), range(each.top, each.top + each.height)
        )
    ]


@pytest.mark.parametrize("numbers", [(-1, 0, 1, 1), (0, -1, 1, 1), (0, 0, 0, 1), (0, 0, 1, 0)])
def test_a_region_has_pixels(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no rectangle of pixels"):
        at(*numbers)


def test_what_is_beyond_the_image_counts_for_nothing() -> None:
    assert at(10, 8, 50, 50).cut(COLUMNS, ROWS) == at(10, 8, 2, 1)
    assert at(12, 0, 1, 1).cut(COLUMNS, ROWS) is None
    assert at(0, 9, 1, 1).cut(COLUMNS, ROWS) is None


rectangles = st.builds(
    at, st.integers(0, 14), st.integers(0, 11), st.integers(1, 14), st.integers(1, 11)
)


@given(st.lists(rectangles, max_size=5))
def test_every_pixel_is_either_kept_or_outside_and_outside_once(kept: list[Region]) -> None:
    """However the rectangles overlap."""
    inside = {pixel for pixel in pixels_of(kept) if pixel[0] < COLUMNS and pixel[1] < ROWS}
    others = pixels_of(outside(kept, COLUMNS, ROWS))
    assert len(others) == len(set(others))
    assert set(others) == set(product(range(COLUMNS), range(ROWS))) - inside


def test_what_is_kept_is_kept_in_all_frames() -> None:
    with pytest.raises(ValueError, match="in all frames"):
        outside([at(0, 0, 1, 1, frames=frozenset({1}))], COLUMNS, ROWS)


def test_a_frame_is_touched_where_a_region_of_it_has_pixels_of_the_image() -> None:
    work = PixelWork(regions=(at(0, 0, 2, 2, frames=frozenset({2})), at(40, 0, 2, 2)))
    assert [work.touches(number, COLUMNS, ROWS) for number in (1, 2, 3)] == [False, True, False]
    assert PixelWork(find=lambda _frame, _number: ()).touches(1, COLUMNS, ROWS)


def test_work_goes_to_other_processes() -> None:
    work = PixelWork(regions=(at(1, 2, 3, 4),), done="a test")
    assert pickle.loads(pickle.dumps(work)) == work
