"""Shutters: what of an image a presentation state hides, and what is seen in its place."""

from __future__ import annotations

import numpy as np
import pytest
from presented import COLOUR, RED, item, seen, state
from rendered import image

from pacs_framework.errors import UnreadableInstance

BRIGHT = np.full((40, 60), 200, np.uint8)
ROWS, COLUMNS = np.mgrid[1:41, 1:61]
RECTANGLE = {
    "ShutterLeftVerticalEdge": 11,
    "ShutterRightVerticalEdge": 50,
    "ShutterUpperHorizontalEdge": 5,
    "ShutterLowerHorizontalEdge": 36,
}
CIRCLE = {"CenterOfCircularShutter": [20, 30], "RadiusOfCircularShutter": 12}
IN_RECTANGLE = (ROWS >= 5) & (ROWS <= 36) & (COLUMNS >= 11) & (COLUMNS <= 50)
IN_CIRCLE = (ROWS - 20) ** 2 + (COLUMNS - 30) ** 2 <= 144


def shown(**said: object) -> np.ndarray:
    """Which pixels are not hidden."""
    plain = image(BRIGHT)
    return seen(plain, state(plain, ShutterPresentationValue=0, **said)) == 200


def test_each_shape_leaves_its_inside_open() -> None:
    """Edges and center are rows and columns from 1 on, and are seen themselves."""
    assert (shown(ShutterShape="RECTANGULAR", **RECTANGLE) == IN_RECTANGLE).all()
    assert (shown(ShutterShape="CIRCULAR", **CIRCLE) == IN_CIRCLE).all()
    corners = [5, 11, 5, 50, 36, 50, 36, 11]
    polygon = shown(ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=corners)
    assert (polygon == IN_RECTANGLE).all()
    triangle = shown(ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=[1, 1, 1, 40, 40, 1])
    assert (triangle[ROWS + COLUMNS <= 40]).all()
    assert not (triangle[ROWS + COLUMNS >= 43]).any()


def test_of_several_shapes_the_least_is_seen() -> None:
    both = shown(ShutterShape=["RECTANGULAR", "CIRCULAR"], **RECTANGLE, **CIRCLE)
    assert (both == (IN_RECTANGLE & IN_CIRCLE)).all()


def test_a_circle_is_round_on_the_screen() -> None:
    """Where pixels are not square, its rows are fewer."""
    plain = image(BRIGHT, PixelSpacing=[2, 1])
    by_state = state(plain, ShutterPresentationValue=0, ShutterShape="CIRCULAR", **CIRCLE)
    found = seen(plain, by_state) == 200
    assert found.shape == (80, 60)
    across, down = found.any(axis=0).sum(), found.any(axis=1).sum()
    assert abs(across - down) <= 2


def test_a_bitmap_hides_where_it_is_set() -> None:
    """Its overlay is none that is drawn, though it were activated (C.7.6.15)."""
    plain = image(BRIGHT)
    hidden = np.random.default_rng(3).integers(0, 2, BRIGHT.shape).astype(np.uint8)
    by_state = state(plain, ShutterShape="BITMAP", ShutterPresentationValue=0)
    by_state.add_new(0x00181623, "US", 0x6002)
    for element, vr, value in (
        (0x10, "US", 40),
        (0x11, "US", 60),
        (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]),
        (0x100, "US", 1),
        (0x102, "US", 0),
        (0x1001, "CS", "LAYER"),
        (0x3000, "OW", np.packbits(hidden.ravel(), bitorder="little").tobytes()),
    ):
        by_state.add_new(0x60020000 | element, vr, value)
    found = seen(plain, by_state)
    assert (found == np.where(hidden, 0, 200)).all()


def test_what_is_hidden_has_the_value_of_the_state() -> None:
    """A P-Value on greys, a colour on colours."""
    plain, colours = image(BRIGHT), image(np.stack([BRIGHT] * 3, axis=-1))
    said = {"ShutterShape": "CIRCULAR", **CIRCLE}
    grey = seen(plain, state(plain, ShutterPresentationValue=32768, **said))
    assert grey[0, 0] == 128
    red = seen(colours, state(colours, COLOUR, ShutterPresentationColorCIELabValue=RED, **said))
    assert red[0, 0].tolist() == pytest.approx([255, 0, 0], abs=2)
    assert red[20, 30].tolist() == [200, 200, 200]


def test_a_shutter_is_turned_with_the_image() -> None:
    plain = image(BRIGHT)
    by_state = state(
        plain,
        ImageRotation=90,
        ShutterShape="RECTANGULAR",
        ShutterPresentationValue=0,
        **RECTANGLE | {"ShutterLowerHorizontalEdge": 10},
    )
    rows = IN_RECTANGLE & (ROWS <= 10)
    assert ((seen(plain, by_state) == 200) == np.rot90(rows, -1)).all()


@pytest.mark.parametrize(
    "said",
    [
        {"ShutterShape": "STAR"},
        {"ShutterShape": "RECTANGULAR"},
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [1, 2]},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 2, 2]},
        {"ShutterShape": "BITMAP"},
    ],
)
def test_a_shutter_that_cannot_be_drawn_hides_nothing_by_chance(said: dict) -> None:
    """It is an error: what was to be hidden would be seen."""
    plain = image(BRIGHT)
    with pytest.raises(UnreadableInstance):
        seen(plain, state(plain, **said))


def test_annotations_lie_over_a_shutter() -> None:
    """Which hides the image, and not what is said of it."""
    plain = image(BRIGHT)
    line = item(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=2,
        GraphicData=[0.0, 2.5, 60.0, 2.5],
        GraphicType="POLYLINE",
        GraphicFilled="N",
    )
    by_state = state(
        plain,
        ShutterShape="RECTANGULAR",
        ShutterPresentationValue=0,
        GraphicAnnotationSequence=[item(GraphicLayer="A", GraphicObjectSequence=[line])],
        **RECTANGLE,
    )
    found = seen(plain, by_state)
    assert (found[2, 5:55] > 200).all()
    assert not found[0].any()
