"""Graphic annotations (PS3.3 C.10.5) when they are cleaned (PS3.15 E.3.3): shapes, no drawings.

Text objects are cleaned as text. A line of many points can be handwriting, so only what is too
plain for a letter stays: points, circles, ellipses, and lines of up to five points, which draw
an arrow, an angle or a box. Compound graphics only say the same again. Overlays and curves are
pictures of whatever somebody drew; nobody can clean them without looking, so they are removed, with
this option and without.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import Dataset

__all__ = ["without_drawings"]

_PLAIN = frozenset(("POINT", "CIRCLE", "ELLIPSE"))
_LINES = frozenset(("POLYLINE", "INTERPOLATED"))
_MOST_POINTS = 5


def without_drawings(items: Iterable[Dataset]) -> list[Dataset]:
    """The annotations with their plain shapes and their texts; those that have neither go."""
    return [item for item in items if _is_left(item)]


def _is_left(item: Dataset) -> bool:
    shapes = item.get("GraphicObjectSequence")
    if shapes is not None:
        shapes[:] = [shape for shape in shapes if _is_plain(shape)]
        if not shapes:
            del item.GraphicObjectSequence
    item.pop("CompoundGraphicSequence", None)
    return bool(shapes or item.get("TextObjectSequence"))


def _is_plain(shape: Dataset) -> bool:
    kind = shape.get("GraphicType")
    if kind in _PLAIN:
        return True
    return kind in _LINES and len(shape.get("GraphicData") or ()) <= 2 * _MOST_POINTS
