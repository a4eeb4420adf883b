"""Graphic objects of annotations: points, lines, curves, circles, ellipses (PS3.3 C.10.5.1.2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import integer_of, items_of, numbers_of, text_of
from pacs_framework.rendering.presentation.area import Placement
from pacs_framework.rendering.presentation.canvas import Point, Stencil
from pacs_framework.rendering.presentation.colours import Ink, ink_of

__all__ = ["draw_graphic", "graphic_ink", "mapping_of", "points_on"]

_MOST_POINTS = 100_000
_STEPS = 128  # of a circle
_BETWEEN = 16  # of a curve, from one point to the next
_DOT, _LINE = 2.0, 1.0  # radius and width, in pixels of the picture
_WIDEST = 1000.0


def graphic_ink(item: Dataset) -> Ink | None:
    """The colour that its line style has; None where its layer says. Raises `UnreadableInstance`.

    What is filled has it, too: its fill style is not asked, which would hide the outline.
    """
    styles = items_of(item, "LineStyleSequence")
    return ink_of(styles[0], "PatternOnColorCIELabValue") if styles else None


def draw_graphic(item: Dataset, placement: Placement, stencil: Stencil) -> None:
    """Draw an item of Graphic Object Sequence. Raises `UnreadableInstance`."""
    kind = text_of(item, "GraphicType")
    if kind not in _SHAPES:
        raise UnreadableInstance(f"Graphic Type is {kind[:16]!r}, which is not known")
    points = points_on(item, placement)
    outline = _SHAPES[kind](points)
    if kind == "POINT" or len(outline) == 1:
        stencil.dot(outline[0], _DOT)
        return
    stencil.line(outline, _width(item))
    if text_of(item, "GraphicFilled") == "Y" and math.dist(outline[0], outline[-1]) < 1:
        stencil.area(outline)


def points_on(item: Dataset, placement: Placement) -> list[Point]:
    """Graphic Data in pixels of the picture. Raises `UnreadableInstance`."""
    if integer_of(item, "GraphicDimensions", default=2) != 2:
        raise UnreadableInstance("graphics of more than two dimensions")
    numbers = numbers_of(item, "GraphicData")
    if not numbers or len(numbers) % 2 or len(numbers) > 2 * _MOST_POINTS:
        raise UnreadableInstance(f"Graphic Data with {len(numbers)} values are not drawn")
    place = mapping_of(item, "GraphicAnnotationUnits", placement)
    return [place(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def mapping_of(
    item: Dataset, keyword: str, placement: Placement
) -> Callable[[float, float], Point]:
    """From the units under ``keyword`` to pixels of the picture. Raises `UnreadableInstance`."""
    units = text_of(item, keyword)
    if units == "PIXEL":
        return placement.of_image
    if units == "DISPLAY":
        return placement.of_area
    raise UnreadableInstance(f"{keyword} are {units[:16]!r}: PIXEL and DISPLAY are drawn")


def _width(item: Dataset) -> float:
    styles = items_of(item, "LineStyleSequence")
    said = numbers_of(styles[0], "LineThickness") if styles else ()
    return min(max(said[0], _LINE), _WIDEST) if said else _LINE


def _as_they_are(points: Sequence[Point]) -> Sequence[Point]:
    return points


def _curve(points: Sequence[Point]) -> Sequence[Point]:
    """Through all points, by cubic splines of Catmull and Rom; the standard leaves open which."""
    if len(points) < 3:
        return points
    closed = points[0] == points[-1]
    before, behind = (points[-2], points[1]) if closed else (points[0], points[-1])
    known = np.array([before, *points, behind])
    t = np.linspace(0, 1, _BETWEEN, endpoint=False)[:, np.newaxis]
    made: list[Point] = []
    for a, b, c, d in zip(known, known[1:], known[2:], known[3:], strict=False):
        tangent, other = (c - a) / 2, (d - b) / 2
        shape = b + tangent * t + (3 * (c - b) - 2 * tangent - other) * t**2
        shape += (2 * (b - c) + tangent + other) * t**3
        made += [(float(x), float(y)) for x, y in shape]
    return [*made, points[-1]]


def _circle(points: Sequence[Point]) -> Sequence[Point]:
    """The center, and a point on it. Round as it is seen, also where pixels are not square."""
    _check(points, 2)
    (x, y), edge = points
    radius = math.dist((x, y), edge)
    return _round((x, y), (radius, 0.0), (0.0, radius))


def _ellipse(points: Sequence[Point]) -> Sequence[Point]:
    """Both ends of the major axis, then both of the minor one."""
    _check(points, 4)
    first, second, third, fourth = points
    center = (first[0] + second[0]) / 2, (first[1] + second[1]) / 2
    major = (second[0] - first[0]) / 2, (second[1] - first[1]) / 2
    minor = (fourth[0] - third[0]) / 2, (fourth[1] - third[1]) / 2
    return _round(center, major, minor)


def _round(center: Point, major: Point, minor: Point) -> Sequence[Point]:
    return [
        (
            center[0] + major[0] * math.cos(angle) + minor[0] * math.sin(angle),
            center[1] + major[1] * math.cos(angle) + minor[1] * math.sin(angle),
        )
        for angle in (2 * math.pi * step / _STEPS for step in range(_STEPS + 1))
    ]


def _check(points: Sequence[Point], count: int) -> None:
    if len(points) != count:
        raise UnreadableInstance(f"a graphic of {len(points)} points, which takes {count}")


_SHAPES: Mapping[str, Callable[[Sequence[Point]], Sequence[Point]]] = {
    "POINT": _as_they_are,
    "POLYLINE": _as_they_are,
    "INTERPOLATED": _curve,
    "CIRCLE": _circle,
    "ELLIPSE": _ellipse,
}
