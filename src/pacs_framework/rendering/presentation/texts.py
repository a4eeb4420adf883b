"""Text objects of annotations: in a box, or beside a point (PS3.3 C.10.5.1.1)."""

from __future__ import annotations

import math
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of, numbers_of, text_of
from pacs_framework.rendering.presentation.area import Placement
from pacs_framework.rendering.presentation.canvas import Point, Stencil
from pacs_framework.rendering.presentation.colours import Ink, ink_of
from pacs_framework.rendering.presentation.graphics import mapping_of

__all__ = ["draw_text", "text_ink"]

_SMALLEST, _LARGEST, _SHARE = 8, 200, 40  # pixels of a line, and lines of a picture
_MEASURED = 100  # the size that is measured at first
_LONGEST = 1024  # characters: what ST holds
_GAP, _DOT = 6.0, 2.0  # pixels between a point and its text, and the radius of the point
_TURNS = {
    (True, True): None,
    (False, False): Image.Transpose.ROTATE_180,
    (True, False): Image.Transpose.ROTATE_90,
    (False, True): Image.Transpose.ROTATE_270,
}


def text_ink(item: Dataset) -> Ink | None:
    """The colour of its text style; None where its layer says. Raises `UnreadableInstance`."""
    styles = items_of(item, "TextStyleSequence")
    return ink_of(styles[0], "TextColorCIELabValue") if styles else None


def draw_text(item: Dataset, placement: Placement, stencil: Stencil) -> None:
    """Draw an item of Text Object Sequence. Raises `UnreadableInstance`.

    Characters that the font has not are question marks.
    """
    text = _words(item)
    anchor = _corner(item, "AnchorPoint", "AnchorPointAnnotationUnits", placement)
    shown = anchor is not None and text_of(item, "AnchorPointVisibility") == "Y"
    corners = [
        _corner(item, f"BoundingBox{corner}HandCorner", "BoundingBoxAnnotationUnits", placement)
        for corner in ("TopLeft", "BottomRight")
    ]
    first, last = corners
    if first is not None and last is not None:
        _in_box(item, text, first, last, stencil)
        if shown and anchor is not None:
            middle = (first[0] + last[0]) / 2, (first[1] + last[1]) / 2
            stencil.line((anchor, _edge_towards(anchor, first, last, middle)), 1.0)
    elif anchor is not None:
        _beside(text, anchor, placement, stencil)
    else:
        raise UnreadableInstance("a text of an annotation has neither a box nor an anchor point")
    if shown and anchor is not None:
        stencil.dot(anchor, _DOT)


def _words(item: Dataset) -> str:
    text = text_of(item, "UnformattedTextValue")[:_LONGEST]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return lines.encode("latin-1", "replace").decode("latin-1")


def _corner(item: Dataset, keyword: str, units: str, placement: Placement) -> Point | None:
    numbers = numbers_of(item, keyword)
    if not numbers:
        return None
    if len(numbers) != 2:
        raise UnreadableInstance(f"{keyword} has {len(numbers)} values, not 2")
    return mapping_of(item, units, placement)(*numbers)


def _in_box(item: Dataset, text: str, first: Point, last: Point, stencil: Stencil) -> None:
    """From the corner ``first`` on towards ``last``, as large as it fits; turned as they are."""
    (x, y), (other_x, other_y) = stencil.scaled(first), stencil.scaled(last)
    turn = _TURNS[other_x >= x, other_y >= y]
    wide, high = abs(other_x - x), abs(other_y - y)
    if turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270):
        wide, high = high, wide
    align = {"CENTER": "center", "RIGHT": "right"}.get(
        text_of(item, "BoundingBoxTextHorizontalJustification"), "left"
    )
    most = max(stencil.image.size)  # a box may go far beyond the picture
    mask = _written(text, _fitting(text, min(wide, most), min(high, most), stencil.scale), align)
    space = max({"center": 0.5, "right": 1.0}.get(align, 0.0) * (wide - mask.width), 0.0)
    turned = mask if turn is None else mask.transpose(turn)
    left, top = _start(turn, (x, y), space, turned.size)
    stencil.write(turned, (round(left), round(top)))


def _start(
    turn: Image.Transpose | None, corner: Point, space: float, size: tuple[int, int]
) -> Point:
    """Where a text of ``size`` begins, ``space`` behind the corner in the direction of reading."""
    (x, y), (width, height) = corner, size
    match turn:
        case Image.Transpose.ROTATE_180:
            return x - space - width, y - height
        case Image.Transpose.ROTATE_90:
            return x, y - space - height
        case Image.Transpose.ROTATE_270:
            return x - width, y + space
        case _:
            return x + space, y


def _beside(text: str, anchor: Point, placement: Placement, stencil: Stencil) -> None:
    """To the right of the point, or to the left where there is no room for it."""
    size = max(_SMALLEST, min(placement.picture_size) // _SHARE) * stencil.scale
    mask = _written(text, size, "left")
    x, y = stencil.scaled(anchor)
    gap = _GAP * stencil.scale
    left = x + gap if x + gap + mask.width <= stencil.image.width else x - gap - mask.width
    stencil.write(mask, (round(left), round(y - mask.height / 2)))


def _fitting(text: str, wide: float, high: float, scale: int) -> int:
    """The largest size of letters whose lines fit, and one that can be read at least."""
    least, most = _SMALLEST * scale, _LARGEST * scale
    across, down = _extent(text, _MEASURED)
    share = min(wide / across if across else math.inf, high / down if down else math.inf)
    size = int(min(max(share * _MEASURED, least), most))
    while size > least and not _fits(text, size, wide, high):  # letters do not scale to the pixel
        size -= 1
    return size


def _fits(text: str, size: int, wide: float, high: float) -> bool:
    across, down = _extent(text, size)
    return across <= wide and down <= high


def _extent(text: str, size: int) -> tuple[int, int]:
    canvas = ImageDraw.Draw(Image.new("L", (1, 1)))
    box = canvas.multiline_textbbox((0, 0), text, font=_font(size))
    return math.ceil(box[2]), math.ceil(box[3])


def _written(text: str, size: int, align: str) -> Image.Image:
    wide, high = _extent(text, size)
    mask = Image.new("L", (max(wide, 1), max(high, 1)))
    ImageDraw.Draw(mask).multiline_text((0, 0), text, fill=255, font=_font(size), align=align)
    return mask


@lru_cache(64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The one that comes with Pillow, which takes a millisecond to read."""
    return ImageFont.load_default(size)


def _edge_towards(anchor: Point, first: Point, last: Point, middle: Point) -> Point:
    """Where the line from the middle of the box to the anchor leaves the box."""
    half = abs(last[0] - first[0]) / 2, abs(last[1] - first[1]) / 2
    away = anchor[0] - middle[0], anchor[1] - middle[1]
    reach = max(
        (abs(distance) / size for distance, size in zip(away, half, strict=True) if size),
        default=1.0,
    )
    if reach <= 1:
        return anchor
    return middle[0] + away[0] / reach, middle[1] + away[1] / reach
