"""Square pixels and sizes."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from rendered import drawn, image

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.geometry import size_of

FRAME = np.zeros((10, 20), np.uint8)
FRAME[:, 10:] = 200


def size(ds, **view) -> tuple[int, int]:
    picture = drawn(ds, **view)
    return picture.width, picture.height


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, (20, 10)),
        ({"PixelSpacing": [2.0, 1.0]}, (20, 20)),  # rows are two apart, columns one
        ({"PixelSpacing": [0.5, 1.0]}, (40, 10)),
        ({"ImagerPixelSpacing": [2, 1], "PixelAspectRatio": [1, 5]}, (20, 20)),
        ({"PixelSpacing": [1, 1], "PixelAspectRatio": [2, 1]}, (20, 10)),
        ({"PixelAspectRatio": [2, 1]}, (20, 20)),
        ({"PixelAspectRatio": [0, 1]}, (20, 10)),
        ({"PixelSpacing": [1.0, 1.0004]}, (20, 10)),
    ],
)
def test_pixels_become_squares_by_enlarging_the_coarser_direction(header, expected) -> None:
    ds = image(FRAME, **header)
    assert size(ds) == expected
    assert size(ds, square_pixels=False) == (20, 10)


def test_the_spacing_of_a_functional_group_counts() -> None:
    measures, group = Dataset(), Dataset()
    measures.PixelSpacing = [3, 1]
    group.PixelMeasuresSequence = Sequence([measures])
    assert size(image(FRAME, SharedFunctionalGroupsSequence=Sequence([group]))) == (20, 30)


@pytest.mark.parametrize(
    ("box", "expected"),
    [((10, 10), (10, 5)), ((200, 50), (100, 50)), ((1, 1), (1, 1)), ((20, 10), (20, 10))],
)
def test_a_picture_fits_into_its_box_with_its_shape(box, expected) -> None:
    assert size(image(FRAME), size=box) == expected
    assert size(image(FRAME, PixelSpacing=[2, 1]), size=(40, 40)) == (40, 40)


def test_resizing_makes_no_level_that_was_not_there() -> None:
    """No edges brighter or darker than what they are edges of."""
    for box in ((7, 7), (90, 90)):
        picture = drawn(image(FRAME), size=box).pixels
        assert picture.min() == 0
        assert picture.max() == 255
        assert (np.diff(picture.astype(int), axis=1) >= 0).all()


def test_a_picture_without_end_is_refused() -> None:
    with pytest.raises(UnreadableInstance, match="give a smaller size"):
        size_of(1000, 1000, 100_000.0, None)
    assert size_of(1000, 1000, 100_000.0, (500, 500)) == (1, 500)
