"""Graphics, texts and overlays of a presentation state: where, over what, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest
from presented import RED, WHITE, area, item, reference, seen, state
from pydicom import Dataset
from rendered import image

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.presentation import canvas

DARK = np.zeros((60, 80), np.uint8)


def graphic(kind: str, points: list[float], units: str = "PIXEL", **more: object) -> Dataset:
    return item(
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(points) // 2,
        GraphicData=[float(each) for each in points],
        GraphicType=kind,
        GraphicFilled=more.pop("GraphicFilled", "N"),
        **more,
    )


def text(words: str, units: str = "PIXEL", **more: object) -> Dataset:
    return item(
        UnformattedTextValue=words,
        BoundingBoxAnnotationUnits=units,
        AnchorPointAnnotationUnits=units,
        **more,
    )


def box(left: float, top: float, right: float, bottom: float, **more: object) -> dict:
    return {
        "BoundingBoxTopLeftHandCorner": [left, top],
        "BoundingBoxBottomRightHandCorner": [right, bottom],
        **more,
    }


def annotations(*marks: Dataset, layer: str = "A", **more: object) -> Dataset:
    """An item of Graphic Annotation Sequence."""
    made = item(GraphicLayer=layer, **more)
    graphics = [each for each in marks if "GraphicData" in each]
    texts = [each for each in marks if "UnformattedTextValue" in each]
    if graphics:
        made.GraphicObjectSequence = graphics
    if texts:
        made.TextObjectSequence = texts
    return made


def layer(name: str, order: int, grey: int = WHITE, **more: object) -> Dataset:
    return item(
        GraphicLayer=name,
        GraphicLayerOrder=order,
        GraphicLayerRecommendedDisplayGrayscaleValue=grey,
        **more,
    )


def drawn(*marks: Dataset, layers: list[Dataset] | None = None, **more: object) -> np.ndarray:
    """Marks of one layer over a dark image."""
    plain = image(DARK)
    layers = layers or [layer("A", 1)]
    by_state = state(
        plain,
        GraphicAnnotationSequence=[annotations(*marks)],
        GraphicLayerSequence=layers,
        **more,
    )
    return seen(plain, by_state)


def place(found: np.ndarray) -> tuple[int, int, int, int]:
    """First and last row, first and last column, of what is drawn."""
    rows, columns = np.nonzero(found)
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_a_polyline_goes_through_its_points() -> None:
    """0.0, 0.0 is the corner of the first pixel (C.10.5)."""
    found = drawn(graphic("POLYLINE", [10, 20.5, 50, 20.5]))
    assert (found[20, 11:49] == 255).all()
    assert place(found)[:2] == (20, 20)
    slope = drawn(graphic("POLYLINE", [0, 0, 60, 60]))
    assert (np.diag(slope) > 128)[1:-1].all()
    assert not slope[40, :30].any()
    assert len(np.unique(slope)) > 2  # its edges are smooth


def test_units_of_the_area_are_those_that_are_seen() -> None:
    """They stay where they are when the image is turned; pixels go with it."""
    across = [0.25, 0.5, 0.75, 0.5]
    found = drawn(graphic("POLYLINE", across, "DISPLAY"), ImageRotation=90)
    assert found.shape == (80, 60)
    assert place(found)[2:] == pytest.approx((15, 45), abs=1)
    with_image = drawn(graphic("POLYLINE", [10, 20.5, 50, 20.5]), ImageRotation=90)
    assert place(with_image) == pytest.approx((10, 50, 39, 39), abs=1)
    flipped = drawn(graphic("POLYLINE", [10, 20.5, 50, 20.5]), ImageHorizontalFlip="Y")
    assert place(flipped) == pytest.approx((20, 20, 30, 70), abs=1)


def test_graphics_are_drawn_at_the_size_of_the_picture() -> None:
    """A line is not magnified with the pixels."""
    plain = image(DARK)
    line = graphic("POLYLINE", [10, 20.5, 50, 20.5])
    by_state = state(plain, GraphicAnnotationSequence=[annotations(line)])
    found = seen(plain, by_state, box=(800, 800))
    assert found.shape == (600, 800)
    first, last, left, right = place(found)
    assert last - first <= 1
    assert (left, right) == pytest.approx((100, 500), abs=2)


def test_circles_and_ellipses() -> None:
    """By center and a point on it; by the ends of both axes. Filled where they say so."""
    ring = drawn(graphic("CIRCLE", [40, 30, 60, 30]))
    assert place(ring) == pytest.approx((10, 50, 20, 60), abs=1)
    assert ring[30, 40] == 0
    disc = drawn(graphic("CIRCLE", [40, 30, 60, 30], GraphicFilled="Y"))
    assert disc[30, 40] == 255
    assert np.count_nonzero(disc > 128) == pytest.approx(np.pi * 400, rel=0.06)
    oval = drawn(graphic("ELLIPSE", [10, 30, 70, 30, 40, 20, 40, 40]))
    assert place(oval) == pytest.approx((20, 40, 10, 70), abs=1)


def test_a_curve_goes_through_its_points_and_bends_between() -> None:
    points = [10, 40, 40, 10, 70, 40]
    curve = drawn(graphic("INTERPOLATED", points))
    for x, y in zip(points[::2], points[1::2], strict=True):
        assert curve[max(y - 2, 0) : y + 2, x - 2 : x + 2].any()
    straight = drawn(graphic("POLYLINE", points))
    assert np.count_nonzero((curve > 128) & (straight == 0)) > 10


def test_a_point_is_a_dot() -> None:
    assert place(drawn(graphic("POINT", [40, 30]))) == pytest.approx((28, 31, 38, 41), abs=1)


def test_text_stays_in_its_box() -> None:
    """As large as it fits; at the left, in the middle or at the right."""
    places = {}
    for side in ("LEFT", "CENTER", "RIGHT"):
        said = text("MASS", **box(10, 10, 75, 25, BoundingBoxTextHorizontalJustification=side))
        places[side] = place(drawn(said))
        first, last, left, right = places[side]
        assert (first, left) >= (10, 10)
        assert (last, right) <= (25, 75)
    assert places["LEFT"][2] < places["CENTER"][2] < places["RIGHT"][2]
    large = place(drawn(text("MASS", **box(0, 0, 80, 60))))
    assert large[1] - large[0] > places["LEFT"][1] - places["LEFT"][0]


def test_text_can_be_read_on_white() -> None:
    """It has an edge of black, or of white where it is dark itself."""
    for ground, grey in ((255, WHITE), (0, 0)):
        plain = image(np.full((60, 80), ground, np.uint8))
        words = annotations(text("MASS", **box(10, 10, 75, 35)))
        by_state = state(
            plain, GraphicAnnotationSequence=[words], GraphicLayerSequence=[layer("A", 1, grey)]
        )
        found = seen(plain, by_state).astype(int)
        assert np.abs(found - ground).max() > 200
        assert (np.abs(found - ground) > 128).sum() > 60


def test_text_runs_from_its_first_corner_to_its_last() -> None:
    """As the corners are seen, after the image was turned (C.10.5.1.1)."""
    upright = text("MMM", **box(20, 20, 60, 32))
    reference_shape = place(drawn(upright))
    turned = drawn(upright, ImageRotation=90)
    first, last, left, right = place(turned)
    assert last - first > right - left
    shown = np.rot90(turned, 1)
    assert place(shown) == pytest.approx(reference_shape, abs=2)
    upside_down = drawn(upright, ImageRotation=180)
    assert place(np.rot90(upside_down, 2)) == pytest.approx(reference_shape, abs=2)


def test_text_stands_beside_its_anchor_and_a_line_leads_to_it() -> None:
    """Without a box beside it, with one by a line, where the anchor is to be seen."""
    beside = drawn(text("HERE", AnchorPoint=[20, 30], AnchorPointVisibility="N"))
    assert place(beside)[2] > 20
    no_room = drawn(text("HERE", AnchorPoint=[78, 30], AnchorPointVisibility="N"))
    assert place(no_room)[3] < 78
    led = text("HERE", AnchorPoint=[5, 55], AnchorPointVisibility="Y", **box(40, 5, 75, 20))
    assert place(drawn(led))[1:3] == pytest.approx((56, 4), abs=2)
    hidden = text("HERE", AnchorPoint=[5, 55], AnchorPointVisibility="N", **box(40, 5, 75, 20))
    assert place(drawn(hidden))[1] <= 21


def test_layers_lie_over_each_other_by_their_order() -> None:
    """Whatever the order in which they and their annotations come."""
    plain = image(DARK)
    both = [
        annotations(graphic("CIRCLE", [40, 30, 60, 30], GraphicFilled="Y"), layer="UPPER"),
        annotations(graphic("CIRCLE", [40, 30, 65, 30], GraphicFilled="Y"), layer="LOWER"),
    ]
    for upper, lower, middle in ((2, 1, 64), (1, 2, 191)):
        layers = [layer("UPPER", upper, 64 * 257), layer("LOWER", lower, 191 * 257)]
        by_state = state(plain, GraphicAnnotationSequence=both, GraphicLayerSequence=layers)
        assert seen(plain, by_state)[30, 40] == middle


def test_a_layer_that_is_not_described_is_drawn_over_all() -> None:
    plain = image(DARK)
    lost = annotations(graphic("CIRCLE", [40, 30, 60, 30], GraphicFilled="Y"), layer="LOST")
    known = annotations(graphic("CIRCLE", [40, 30, 65, 30], GraphicFilled="Y"))
    by_state = state(
        plain,
        GraphicAnnotationSequence=[lost, known],
        GraphicLayerSequence=[layer("A", 7, 100 * 257)],
    )
    assert seen(plain, by_state)[30, 40] == 255


def test_colours_make_a_picture_in_colours() -> None:
    """Of the layer, or of the style of a line or a text, which come before."""
    red = {"GraphicLayerRecommendedDisplayCIELabValue": RED}
    found = drawn(
        graphic("CIRCLE", [40, 30, 60, 30], GraphicFilled="Y"), layers=[layer("A", 1, **red)]
    )
    assert found[30, 40].tolist() == pytest.approx([255, 0, 0], abs=2)
    assert found[0, 0].tolist() == [0, 0, 0]
    styled = graphic(
        "CIRCLE",
        [40, 30, 60, 30],
        GraphicFilled="Y",
        LineStyleSequence=[item(PatternOnColorCIELabValue=RED, LineThickness=3.0)],
    )
    assert drawn(styled)[30, 40].tolist() == pytest.approx([255, 0, 0], abs=2)
    words = text("M", TextStyleSequence=[item(TextColorCIELabValue=RED)], **box(0, 0, 80, 60))
    red_ones = (drawn(words) == drawn(styled)[30, 40]).all(axis=-1)
    assert np.count_nonzero(red_ones) > 100


def test_annotations_are_for_the_frames_that_they_name() -> None:
    several = image(np.stack([DARK, DARK]), frames=2)
    mark = annotations(
        graphic("POLYLINE", [0, 20, 80, 20]), ReferencedImageSequence=[reference(several, 2)]
    )
    by_state = state(several, GraphicAnnotationSequence=[mark])
    assert not seen(several, by_state, 1).any()
    assert seen(several, by_state, 2).any()


def with_overlay(ds: Dataset, plane: np.ndarray, activation: str = "") -> Dataset:
    for element, vr, value in (
        (0x10, "US", plane.shape[0]),
        (0x11, "US", plane.shape[1]),
        (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]),
        (0x100, "US", 1),
        (0x102, "US", 0),
        (0x3000, "OW", np.packbits(plane.ravel(), bitorder="little").tobytes()),
    ):
        ds.add_new(0x60000000 | element, vr, value)
    if activation:
        ds.add_new(0x60001001, "CS", activation)
    return ds


PLANE = np.random.default_rng(5).integers(0, 2, DARK.shape).astype(np.uint8)


def test_overlays_are_drawn_where_a_layer_activates_them() -> None:
    """Be they in the image or the state; the one in the state is the one that counts (C.11.7)."""
    with_own = with_overlay(image(DARK), PLANE)
    assert not seen(with_own, state(with_own)).any()
    activated = state(with_own, GraphicLayerSequence=[layer("A", 1, 100 * 257)])
    activated.add_new(0x60001001, "CS", "A")
    assert (seen(with_own, activated) == PLANE * 100).all()
    replaced = with_overlay(state(with_own), 1 - PLANE, "A")
    assert (seen(with_own, replaced) == (1 - PLANE) * 255).all()


def test_overlays_are_turned_and_cut_with_the_image() -> None:
    plain = image(DARK)
    by_state = with_overlay(state(plain, ImageRotation=270), PLANE, "A")
    by_state.DisplayedAreaSelectionSequence = area(11, 50, 60, 6)
    assert (seen(plain, by_state) == np.rot90(PLANE[5:50, 10:60]) * 255).all()


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        (graphic("SPIRAL", [1, 1]), "Graphic Type is 'SPIRAL'"),
        (graphic("CIRCLE", [1, 1, 2, 2, 3, 3]), "a graphic of 3 points"),
        (graphic("ELLIPSE", [1, 1]), "a graphic of 1 points"),
        (graphic("POLYLINE", [1, 1, 2]), "Graphic Data with 3 values"),
        (graphic("POLYLINE", [1, 1, 2, 2], "MATRIX"), "PIXEL and DISPLAY are drawn"),
        (graphic("POLYLINE", [1, 1, float("inf"), 2]), "GraphicData is missing"),
        (text("nowhere"), "neither a box nor an anchor point"),
    ],
)
def test_what_cannot_be_drawn_is_no_picture_without_it(mark: Dataset, reason: str) -> None:
    """It may be what the state was made for."""
    with pytest.raises(UnreadableInstance, match=reason):
        drawn(mark)


def test_compound_graphics_are_drawn_by_the_simple_ones_beside_them() -> None:
    """Where there are none, it is an error: a ruler would be missing (C.10.5)."""
    plain = image(DARK)
    ruler = item(CompoundGraphicType="RULER", CompoundGraphicUnits="PIXEL")
    lines = [graphic("POLYLINE", [0, 20, 80, 20])]
    alone = annotations(CompoundGraphicSequence=[ruler])
    with pytest.raises(UnreadableInstance, match="compound graphics"):
        seen(plain, state(plain, GraphicAnnotationSequence=[alone]))
    drawn_too = annotations(*lines, CompoundGraphicSequence=[ruler])
    assert seen(plain, state(plain, GraphicAnnotationSequence=[drawn_too])).any()


def test_what_lies_far_outside_does_no_harm() -> None:
    """Nor do numbers that only a hostile state has."""
    found = drawn(
        graphic("POLYLINE", [-1e30, 20.5, 1e30, 20.5]),
        graphic("CIRCLE", [1e20, 1e20, 3e20, 3e20]),
        graphic("POLYLINE", [10, 10]),
        text("x" * 1000, **box(-1e12, 5, 1e12, 8)),
        text("x", **box(-1e12, 1e12, 1e12, -1e12)),
    )
    assert (found[20] == 255).all()


@pytest.mark.parametrize(
    "hostile",
    [
        [graphic("POLYLINE", [1, 1, 79, 59] * 2500)] * 4,
        [graphic("POLYLINE", [1, 1, 79, 59] * 400, LineStyleSequence=[item(LineThickness=900.0)])],
        [text("words", **box(1, 1, 79, 59))] * 100,
    ],
    ids=["points", "thick lines", "texts"],
)
def test_what_takes_too_much_work_is_refused(
    hostile: list[Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state of a few megabytes would keep a core busy for minutes."""
    monkeypatch.setattr(canvas, "_MOST_WORK", 1 << 26)
    with pytest.raises(UnreadableInstance, match="too many annotations"):
        drawn(*hostile)


def test_what_may_be_drawn_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ink is a picture of its own, and a state may have a million of them."""
    monkeypatch.setattr(canvas, "_MOST_WORK", 1 << 20)
    plain = image(DARK)
    many = [
        graphic(
            "POINT",
            [1, 1],
            LineStyleSequence=[item(PatternOnColorCIELabValue=[number, 32896, 32896])],
        )
        for number in range(0, 60000, 3000)
    ]
    by_state = state(plain, GraphicAnnotationSequence=[annotations(*many)])
    with pytest.raises(UnreadableInstance, match="too many annotations"):
        seen(plain, by_state)
