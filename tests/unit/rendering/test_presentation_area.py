"""Which part of an image a presentation state shows, how it is turned, and how large."""

from __future__ import annotations

import numpy as np
import pytest
from presented import area, reference, seen, state
from rendered import image

from pacs_framework.errors import UnreadableInstance

VALUES = np.arange(6 * 10, dtype=np.uint8).reshape(6, 10) * 4


@pytest.mark.parametrize("flip", ["N", "Y"])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_an_image_is_turned_clockwise_then_flipped(rotation: int, flip: str) -> None:
    """The flip is the one that is seen (C.10.6)."""
    plain = image(VALUES)
    found = seen(plain, state(plain, ImageRotation=rotation, ImageHorizontalFlip=flip))
    expected = np.rot90(VALUES, -rotation // 90)
    assert (found == (expected[:, ::-1] if flip == "Y" else expected)).all()


def test_an_area_is_cut_out_of_the_image_before_it_is_turned() -> None:
    """Its corners are those that are seen: in a turned image, either may be the left one."""
    plain = image(VALUES)
    cut = VALUES[1:4, 2:7]
    assert (seen(plain, state(plain, DisplayedAreaSelectionSequence=area(3, 2, 7, 4))) == cut).all()
    turned = state(plain, ImageRotation=90, DisplayedAreaSelectionSequence=area(3, 4, 7, 2))
    assert (seen(plain, turned) == np.rot90(cut, -1)).all()


def test_an_area_may_go_beyond_the_image() -> None:
    """What is not there is black, also where nothing of the image is seen."""
    plain = image(VALUES)
    found = seen(plain, state(plain, DisplayedAreaSelectionSequence=area(-1, 0, 12, 8)))
    assert found.shape == (9, 14)
    assert (found[1:7, 2:12] == VALUES).all()
    assert found.sum() == VALUES.sum()
    beside = seen(plain, state(plain, DisplayedAreaSelectionSequence=area(100, 100, 103, 101)))
    assert beside.shape == (2, 4)
    assert not beside.any()


def test_an_area_is_for_the_frames_that_it_names() -> None:
    several = image(np.stack([VALUES, VALUES]), frames=2)
    items = area(1, 1, 2, 2)
    items[0].ReferencedImageSequence = [reference(several, 2)]
    by_state = state(several, DisplayedAreaSelectionSequence=items)
    assert seen(several, by_state, 1).shape == (6, 10)
    assert seen(several, by_state, 2).shape == (2, 2)


def test_pixels_are_as_high_as_the_state_says() -> None:
    """Beside their width; turned with the image. What the image says is not asked then."""
    plain = image(VALUES, PixelSpacing=[3, 1])
    high = area(1, 1, 10, 6, PresentationPixelAspectRatio=[2, 1])
    assert seen(plain, state(plain, DisplayedAreaSelectionSequence=high)).shape == (12, 10)
    spacing = area(1, 1, 10, 6, PresentationPixelSpacing=[1, 2])
    assert seen(plain, state(plain, DisplayedAreaSelectionSequence=spacing)).shape == (6, 20)
    turned = state(plain, DisplayedAreaSelectionSequence=high, ImageRotation=270)
    assert seen(plain, turned).shape == (10, 12)


@pytest.mark.parametrize("mode", ["SCALE TO FIT", "TRUE SIZE"])
def test_an_area_fits_into_a_box(mode: str) -> None:
    """Its shape stays; without a box, a pixel of the image is one of the picture."""
    plain = image(VALUES)
    by_state = state(
        plain, DisplayedAreaSelectionSequence=area(1, 1, 10, 6, PresentationSizeMode=mode)
    )
    assert seen(plain, by_state).shape == (6, 10)
    assert seen(plain, by_state, box=(100, 100)).shape == (60, 100)
    assert seen(plain, by_state, box=(5, 100)).shape == (3, 5)


def test_what_is_magnified_is_cut_to_the_box() -> None:
    """On all sides, and never scaled to fit (PS3.18 9.5.2.3)."""
    plain = image(VALUES)
    magnified = area(
        1, 1, 10, 6, PresentationSizeMode="MAGNIFY", PresentationPixelMagnificationRatio=4
    )
    by_state = state(plain, DisplayedAreaSelectionSequence=magnified)
    whole = seen(plain, by_state)
    assert whole.shape == (24, 40)
    assert (seen(plain, by_state, box=(20, 100)) == whole[:, 10:30]).all()
    assert (seen(plain, by_state, box=(8, 8)) == whole[8:16, 16:24]).all()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"ImageRotation": 45}, "Image Rotation is 45"),
        ({"DisplayedAreaSelectionSequence": area(1, 1, 2**30, 2**30)}, "a displayed area of"),
        (
            {"DisplayedAreaSelectionSequence": area(1, 1, 2, 2, PresentationSizeMode="HUGE")},
            "Presentation Size Mode",
        ),
        (
            {"DisplayedAreaSelectionSequence": area(1, 1, 2, 2, PresentationSizeMode="MAGNIFY")},
            "not said by how much",
        ),
        (
            {
                "DisplayedAreaSelectionSequence": area(
                    1,
                    1,
                    10,
                    6,
                    PresentationSizeMode="MAGNIFY",
                    PresentationPixelMagnificationRatio=1000,
                )
            },
            "the state asks for a picture of 10000 × 6000 pixels",
        ),
    ],
)
def test_what_makes_no_picture_is_refused(said: dict, reason: str) -> None:
    """Before memory is taken."""
    plain = image(VALUES)
    with pytest.raises(UnreadableInstance, match=reason):
        seen(plain, state(plain, **said), most=1_000_000)
