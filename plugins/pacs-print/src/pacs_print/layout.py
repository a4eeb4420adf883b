"""Where things lie on a film: its size, its image boxes and its annotation boxes, in millimetres.

Image Display Formats and Film Size IDs are those of PS3.3 Table C.13-3, Image Box Positions those
of C.13.5.1. The origin is the upper left corner of the film as it is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_print.terms import FilmError, Orientation

if TYPE_CHECKING:
    from pacs_print.printers import PrinterSettings

__all__ = ["BUILT_IN_ANNOTATIONS", "Box", "Layout", "count_boxes", "film_size", "lay_out"]

MM_PER_INCH = 25.4

_NAMED = {"A4": (210.0, 297.0), "A3": (297.0, 420.0), "10INX14IN": (257.0, 364.0)}
_SIZE = re.compile(r"(\d+(?:_\d+)?)(IN|CM|MM)X(\d+(?:_\d+)?)(IN|CM|MM)")
_UNITS = {"IN": MM_PER_INCH, "CM": 10.0, "MM": 1.0}
_SHORTEST, _LONGEST = 40.0, 1200.0  # mm: what is no film any more
_SMALLEST_BOX = 3.0  # mm
_MOST_BOXES = 1000

_MOUNT = 50.0  # mm: slides in their frames, which are square
_SLIDE, _SUPERSLIDE = (36.0, 24.0), (40.0, 40.0)

_LINE = 5.0  # mm: a line of a built-in annotation format

_Fractions = tuple[float, float, float, float]

BUILT_IN_ANNOTATIONS: Mapping[str, tuple[tuple[str, float, float], ...]] = {
    "TOP": (("top", 0.0, 1.0),),
    "BOTTOM": (("bottom", 0.0, 1.0),),
    "LABEL": (("bottom", 0.0, 1.0),),
    "COMBINED": tuple((edge, i / 3, 1 / 3) for edge in ("top", "bottom") for i in range(3)),
}
"""Annotation Display Format ID → for each position the edge, and where it begins and how wide it
is, as shares of the printable width. The images make room for them."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a film, in mm."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A film of ``width`` × ``height`` mm; ``images`` and ``annotations`` by position, from 1."""

    width: float
    height: float
    images: tuple[Box, ...]
    annotations: tuple[Box, ...] = ()


def film_size(size_id: str) -> tuple[float, float]:
    """Width and height in mm of a Film Size ID (2010,0050), upright.

    Besides the terms of the standard any pair of measures will do: ``18CMX24CM``, ``100MMX150MM``,
    ``8_5INX11IN``. Raises `FilmError`.
    """
    named = _NAMED.get(size_id)
    if named is not None:
        return named
    found = _SIZE.fullmatch(size_id)
    if found is None:
        raise FilmError(f"no film size {size_id!r}; sizes are like 14INX17IN, 24CMX30CM or A4")
    first, unit, second, other_unit = found.groups()
    sides = sorted((_length(first, unit), _length(second, other_unit)))
    if sides[0] < _SHORTEST or sides[1] > _LONGEST:
        raise FilmError(f"no film is as large as {size_id!r}")
    return sides[0], sides[1]


def lay_out(
    printer: PrinterSettings,
    display_format: str,
    *,
    size_id: str | None = None,
    orientation: Orientation = Orientation.PORTRAIT,
    annotation_format: str | None = None,
) -> Layout:
    """The film of a printer with its boxes. Raises `FilmError` for what this printer cannot do."""
    width, height = film_size(printer.sizes[0] if size_id is None else size_id)
    if orientation is Orientation.LANDSCAPE:
        width, height = height, width
    margin = printer.margin
    printable = Box(margin, margin, width - 2 * margin, height - 2 * margin)
    left_over, annotations = _annotations(printer, printable, annotation_format)
    images = tuple(_image_boxes(printer, left_over, display_format))
    if not images or min(min(box.width, box.height) for box in images) < _SMALLEST_BOX:
        raise FilmError(f"the image boxes of {display_format!r} have no room on this film")
    return Layout(width=width, height=height, images=images, annotations=annotations)


def count_boxes(
    printer: PrinterSettings,
    display_format: str,
    *,
    size_id: str | None = None,
    orientation: Orientation = Orientation.PORTRAIT,
) -> int:
    """How many image boxes a film has. Raises `FilmError`."""
    laid = lay_out(printer, display_format, size_id=size_id, orientation=orientation)
    return len(laid.images)


def _length(text: str, unit: str) -> float:
    return float(text.replace("_", ".")) * _UNITS[unit]


# --- image boxes --------------------------------------------------------------------------------


def _image_boxes(printer: PrinterSettings, area: Box, display_format: str) -> Iterator[Box]:
    kind, _, rest = display_format.partition("\\")
    gap = printer.gap
    match kind:
        case "STANDARD":
            columns, rows = _numbers(display_format, rest, exactly=2)
            yield from _rows(area, [columns] * rows, gap)
        case "ROW":
            yield from _rows(area, _numbers(display_format, rest), gap)
        case "COL":
            yield from _columns(area, _numbers(display_format, rest), gap)
        case "SLIDE" if not rest:
            yield from _mounted(area, _SLIDE)
        case "SUPERSLIDE" if not rest:
            yield from _mounted(area, _SUPERSLIDE)
        case "CUSTOM":
            yield from _shares(area, _custom(printer, rest))
        case _:
            raise FilmError(
                f"no image display format {display_format!r}; there are STANDARD\\C,R, ROW\\R1,R2, "
                "COL\\C1,C2, SLIDE, SUPERSLIDE and CUSTOM\\i"
            )


def _numbers(display_format: str, text: str, exactly: int = 0) -> list[int]:
    parts = text.split(",")
    numbers = [int(part) for part in parts if re.fullmatch(r" *[0-9]{1,4} *", part)]
    if len(numbers) != len(parts) or (exactly and len(numbers) != exactly) or min(numbers) < 1:
        raise FilmError(f"{display_format!r} does not say how many image boxes there are")
    total = numbers[0] * numbers[1] if exactly else sum(numbers)
    if total > _MOST_BOXES:
        raise FilmError(f"{display_format!r} has more than {_MOST_BOXES} image boxes")
    return numbers


def _rows(area: Box, counts: Sequence[int], gap: float) -> Iterator[Box]:
    """Rows of one height, from left to right and from top to bottom."""
    for top, height in _cut(area.top, area.height, len(counts), gap):
        count = counts[round((top - area.top) / (height + gap))]
        for left, width in _cut(area.left, area.width, count, gap):
            yield Box(left, top, width, height)


def _columns(area: Box, counts: Sequence[int], gap: float) -> Iterator[Box]:
    """Columns of one width, from top to bottom and from left to right."""
    turned = Box(area.top, area.left, area.height, area.width)
    for box in _rows(turned, counts, gap):
        yield Box(box.top, box.left, box.height, box.width)


def _cut(start: float, length: float, count: int, gap: float) -> Iterator[tuple[float, float]]:
    """Equal pieces of a length, with gaps between them."""
    piece = (length - (count - 1) * gap) / count
    if piece <= 0:
        raise FilmError(f"{count} image boxes side by side have no room on this film")
    for number in range(count):
        yield start + number * (piece + gap), piece


def _mounted(area: Box, window: tuple[float, float]) -> Iterator[Box]:
    """The windows of as many slides as there is room for, in the middle of the film."""
    columns, rows = int(area.width // _MOUNT), int(area.height // _MOUNT)
    left = area.left + (area.width - columns * _MOUNT) / 2 + (_MOUNT - window[0]) / 2
    top = area.top + (area.height - rows * _MOUNT) / 2 + (_MOUNT - window[1]) / 2
    for row in range(rows):
        for column in range(columns):
            yield Box(left + column * _MOUNT, top + row * _MOUNT, *window)


def _custom(printer: PrinterSettings, name: str) -> Sequence[_Fractions]:
    if name not in printer.custom_formats:
        known = ", ".join(sorted(printer.custom_formats)) or "none"
        raise FilmError(f"no custom format {name!r}; this printer has {known}")
    return printer.custom_formats[name]


def _shares(area: Box, fractions: Sequence[_Fractions]) -> Iterator[Box]:
    for left, top, width, height in fractions:
        yield Box(
            area.left + left * area.width,
            area.top + top * area.height,
            width * area.width,
            height * area.height,
        )


# --- annotation boxes ---------------------------------------------------------------------------


def _annotations(
    printer: PrinterSettings, area: Box, format_id: str | None
) -> tuple[Box, tuple[Box, ...]]:
    """What is left for the images, and the boxes.

    Those of a site's own format lie where the site wants them, over the images, too.
    """
    if not format_id:
        return area, ()
    if format_id in printer.annotation_formats:
        return area, tuple(_shares(area, printer.annotation_formats[format_id]))
    if format_id not in BUILT_IN_ANNOTATIONS:
        known = ", ".join(sorted({*BUILT_IN_ANNOTATIONS, *printer.annotation_formats}))
        raise FilmError(f"no annotation display format {format_id!r}; this printer has {known}")
    places = BUILT_IN_ANNOTATIONS[format_id]
    edges = {edge for edge, _, _ in places}
    tops = {"top": area.top, "bottom": area.top + area.height - _LINE}
    boxes = tuple(
        Box(area.left + left * area.width, tops[edge], width * area.width, _LINE)
        for edge, left, width in places
    )
    line = _LINE + printer.gap
    taken = line if "top" in edges else 0.0
    return Box(area.left, area.top + taken, area.width, area.height - line * len(edges)), boxes
