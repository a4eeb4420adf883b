"""Polygons of pixels, as shutters and pixel shifts have them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.samples import Array

__all__ = ["inside_polygon"]

_MOST_VERTICES = 100_000


def inside_polygon(vertices: tuple[float, ...], shape: tuple[int, int], what: str) -> Array:
    """Whether each pixel of (rows, columns) is inside, or on an edge.

    ``vertices`` are row, column, row, column …, the upper left pixel being 1, 1; the last one is
    joined to the first. Raises `UnreadableInstance`, which says ``what`` has them.
    """
    if len(vertices) < 6 or len(vertices) % 2 or len(vertices) > 2 * _MOST_VERTICES:
        raise UnreadableInstance(f"the polygon of {what} has no three vertices")
    points = [
        (column - 1, row - 1) for row, column in zip(vertices[::2], vertices[1::2], strict=True)
    ]
    rows, columns = shape
    image = Image.new("1", (columns, rows))
    ImageDraw.Draw(image).polygon(points, fill=1, outline=1)
    return np.asarray(image)
