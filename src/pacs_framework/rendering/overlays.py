"""Overlay planes: graphics and regions over an image (PS3.3 C.9.2, C.9.3).

They are drawn white, graphics and regions of interest alike, unless a presentation state says in
which layer they are. A plane lies in an element of its own,
or, in old images, in a bit of the pixel cells that no stored value uses.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import data_of, integer_of, numbers_of
from pacs_framework.rendering.geometry import MOST_PIXELS
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.samples import Array

__all__ = ["OVERLAY_GROUPS", "draw_overlays", "overlay_groups", "overlay_mask"]

OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _FIRST_FRAME = 0x10, 0x11, 0x15, 0x50, 0x51
_BITS_ALLOCATED, _BIT_POSITION, _DATA = 0x100, 0x102, 0x3000
_WHITE = 255


def overlay_groups(header: Dataset) -> tuple[int, ...]:
    """The groups with an overlay plane."""
    return tuple(
        group
        for group in OVERLAY_GROUPS
        if _tag(group, _ROWS) in header or _tag(group, _DATA) in header
    )


def draw_overlays(
    picture: Array, header: Dataset, number: int, cells: Array, layout: FrameLayout
) -> None:
    """Draw the overlays of frame ``number``, whose cells are ``cells``, into ``picture``.

    Raises `UnreadableInstance`.
    """
    for group in overlay_groups(header):
        for plane, row, column in _planes(header, group, number, cells, layout):
            _draw(picture, plane, row, column)


def overlay_mask(
    header: Dataset, group: int, number: int, cells: Array, layout: FrameLayout
) -> Array:
    """Where an overlay of frame ``number`` is set: (rows, columns) of the frame, 0 or 255.

    ``header`` is that of the image, or of a presentation state that brings the overlay. Raises
    `UnreadableInstance`.
    """
    mask = np.zeros((layout.rows, layout.columns), np.uint8)
    for plane, row, column in _planes(header, group, number, cells, layout):
        _draw(mask, plane, row, column)
    return mask


def _tag(group: int, element: int) -> int:
    return group << 16 | element


def _planes(
    header: Dataset, group: int, number: int, cells: Array, layout: FrameLayout
) -> Iterator[tuple[Array, int, int]]:
    """The plane of the frame, if it has one, and the row and column where it begins, from 0 on."""
    row, column = _origin(header, group)
    if _tag(group, _DATA) not in header:
        plane = _in_cells(header, group, cells, layout)
    else:
        plane = _in_data(header, group, number)
    if plane is not None:
        yield plane, row, column


def _origin(header: Dataset, group: int) -> tuple[int, int]:
    origin = numbers_of(header, _tag(group, _ORIGIN)) or (1.0, 1.0)
    if len(origin) != 2:
        raise UnreadableInstance(f"the origin of overlay {group:04x} has {len(origin)} values")
    return int(origin[0]) - 1, int(origin[1]) - 1


def _in_cells(header: Dataset, group: int, cells: Array, layout: FrameLayout) -> Array | None:
    """A plane in the bits above, or below, the stored values (retired)."""
    position = integer_of(header, _tag(group, _BIT_POSITION), default=0)
    lowest = layout.high_bit + 1 - layout.bits_stored
    unused = position > layout.high_bit or position < lowest
    if layout.floating or not unused or position >= layout.bits_allocated or cells.ndim != 2:
        return None  # a plane that is announced and not there
    plane: Array = (cells >> position) & 1
    return plane


def _in_data(header: Dataset, group: int, number: int) -> Array | None:
    rows = integer_of(header, _tag(group, _ROWS))
    columns = integer_of(header, _tag(group, _COLUMNS))
    if rows < 1 or columns < 1 or rows * columns > MOST_PIXELS:
        raise UnreadableInstance(f"overlay {group:04x} of {rows} rows and {columns} columns")
    index = _index(header, group, number)
    data = np.frombuffer(data_of(header, _tag(group, _DATA)), np.uint8)
    if index is None or not data.size:
        return None
    start = index * rows * columns  # planes follow each other bit by bit
    first = start // 8
    bits = np.unpackbits(data[first : (start + rows * columns + 7) // 8], bitorder="little")
    plane = bits[start % 8 : start % 8 + rows * columns]
    if plane.size < rows * columns:
        raise UnreadableInstance(f"overlay {group:04x} has fewer bits than rows × columns")
    return plane.reshape(rows, columns)


def _index(header: Dataset, group: int, number: int) -> int | None:
    """Which plane of the overlay is for frame ``number``; None where none is (C.9.3.1.1).

    Without Number of Frames in Overlay, the one plane is for all frames.
    """
    if _tag(group, _FRAMES) not in header:
        return 0
    index = number - integer_of(header, _tag(group, _FIRST_FRAME), default=1)
    return index if 0 <= index < integer_of(header, _tag(group, _FRAMES), default=1) else None


def _draw(picture: Array, plane: Array, row: int, column: int) -> None:
    """White where ``plane`` is set, as far as it lies within ``picture``."""
    rows, columns = picture.shape[:2]
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + plane.shape[0], rows), min(column + plane.shape[1], columns)
    if top >= bottom or left >= right:
        return
    mask = plane[top - row : bottom - row, left - column : right - column]
    picture[top:bottom, left:right][mask != 0] = _WHITE
