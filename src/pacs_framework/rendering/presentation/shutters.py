"""Display shutters: what of an image is hidden (PS3.3 C.7.6.11, C.7.6.15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import numbers_of, value_of
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.overlays import overlay_mask
from pacs_framework.rendering.presentation.polygons import inside_polygon
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.samples import Array

__all__ = ["hidden_by_shutters", "shutter_group"]


def shutter_group(state: Dataset) -> int | None:
    """The overlay that is a bitmap shutter, and so is none of the overlays; None without one."""
    numbers = numbers_of(state, "ShutterOverlayGroup")
    return int(numbers[0]) if numbers else None


def hidden_by_shutters(
    state: Dataset, layout: FrameLayout, frame: SeenFrame, pixel_height: float
) -> Array | None:
    """255 for pixels of the image that are hidden, 0 for others; None without a shutter.

    Of several shapes, what each of them leaves open is seen. ``pixel_height`` is that beside the
    width of a pixel: a circle is one on the screen. Raises `UnreadableInstance`.
    """
    shapes = _shapes(state)
    if not shapes:
        return None
    shown = np.ones((layout.rows, layout.columns), bool)
    for shape in shapes:
        if shape == "BITMAP":
            shown &= _bitmap(state, layout, frame) == 0
        elif shape in _SHOWN:
            shown &= _SHOWN[shape](state, layout, pixel_height)
        else:
            raise UnreadableInstance(f"Shutter Shape is {shape[:16]!r}, which is not known")
    return np.where(shown, 0, 255).astype(np.uint8)


def _shapes(state: Dataset) -> list[str]:
    value = value_of(state, "ShutterShape")
    several = [value] if isinstance(value, str) else value or []
    return [str(each).strip() for each in several if str(each).strip()]


def _numbers(state: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    numbers = numbers_of(state, keyword)
    if len(numbers) != count:
        raise UnreadableInstance(f"{keyword} of a shutter has {len(numbers)} values, not {count}")
    return numbers


def _rectangle(state: Dataset, layout: FrameLayout, _: float) -> Array:
    """The edges are columns and rows from 1 on, and are seen themselves."""
    left, right, upper, lower = (
        _numbers(state, f"Shutter{edge}Edge", 1)[0]
        for edge in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
    )
    rows, columns = np.ogrid[1 : layout.rows + 1, 1 : layout.columns + 1]
    shown: Array = (rows >= upper) & (rows <= lower) & (columns >= left) & (columns <= right)
    return shown


def _circle(state: Dataset, layout: FrameLayout, pixel_height: float) -> Array:
    """The radius is in pixels of a row."""
    row, column = _numbers(state, "CenterOfCircularShutter", 2)
    (radius,) = _numbers(state, "RadiusOfCircularShutter", 1)
    rows, columns = np.ogrid[1 : layout.rows + 1, 1 : layout.columns + 1]
    distance = ((rows - row) * pixel_height) ** 2 + (columns - column) ** 2
    shown: Array = distance <= radius**2
    return shown


def _polygon(state: Dataset, layout: FrameLayout, _: float) -> Array:
    vertices = numbers_of(state, "VerticesOfThePolygonalShutter")
    return inside_polygon(vertices, (layout.rows, layout.columns), "a shutter")


def _bitmap(state: Dataset, layout: FrameLayout, frame: SeenFrame) -> Array:
    group = shutter_group(state)
    if group is None or (group << 16 | 0x3000) not in state:
        raise UnreadableInstance("the overlay of a bitmap shutter is not in the state")
    no_cells = np.empty((0, 0), np.uint8)  # the plane lies in an element of its own
    return overlay_mask(state, group, frame.number, no_cells, layout)


_SHOWN: Mapping[str, Callable[[Dataset, FrameLayout, float], Array]] = {
    "RECTANGULAR": _rectangle,
    "CIRCULAR": _circle,
    "POLYGONAL": _polygon,
}
