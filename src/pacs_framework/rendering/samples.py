"""Frames as NumPy arrays: the cells as they lie in the data, and the values stored in them.

A cell of Bits Allocated may hold more than the value of Bits Stored: an overlay above it (retired),
or a sign extended or not (PS3.5 8.1.1). As long as there are no more than 16 bits, everything that
is computed from a value is computed once for each cell there can be, and looked up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.layout import FrameLayout

__all__ = ["Array", "all_cells", "cells_of", "has_table", "values_of"]

Array = NDArray[Any]

_TABLE_BITS = 16


def cells_of(frame: StoredFrame) -> Array:
    """The cells as (rows, columns) or (rows, columns, samples); unsigned, or floats.

    A view on the data wherever they allow it.
    """
    layout = frame.layout
    shape = layout.rows, layout.columns
    if layout.bits_allocated == 1:
        packed = np.frombuffer(frame.data, np.uint8)
        return np.unpackbits(packed, count=shape[0] * shape[1], bitorder="little").reshape(shape)
    if layout.subsampled:
        return _with_own_colour(frame)
    kind = "f" if layout.floating else "u"
    flat = np.frombuffer(frame.data, f"<{kind}{layout.bits_allocated // 8}")
    if layout.samples_per_pixel == 1:
        return flat.reshape(shape)
    if layout.planar_configuration == 1:
        return flat.reshape((layout.samples_per_pixel, *shape)).transpose(1, 2, 0)
    return flat.reshape((*shape, layout.samples_per_pixel))


def _with_own_colour(frame: StoredFrame) -> Array:
    """Y Y Cb Cr, with the colour given to both pixels (PS3.3 C.7.6.3.1.2)."""
    layout = frame.layout
    pairs = np.frombuffer(frame.data, np.uint8).reshape(layout.rows, layout.columns // 2, 4)
    made = np.empty((layout.rows, layout.columns, 3), np.uint8)
    made[:, 0::2, 0], made[:, 1::2, 0] = pairs[..., 0], pairs[..., 1]
    made[:, 0::2, 1:] = made[:, 1::2, 1:] = pairs[..., 2:]
    return made


def values_of(cells: Array, layout: FrameLayout) -> Array:
    """The stored values in ``cells``, which are copied only where something else is in them."""
    if layout.floating or layout.bits_allocated == 1:
        return cells
    unused = layout.high_bit + 1 - layout.bits_stored
    if layout.bits_stored == layout.bits_allocated:
        return cells.view(cells.dtype.str.replace("u", "i")) if layout.signed else cells
    values = cells >> unused if unused else cells
    values = values & (1 << layout.bits_stored) - 1
    if not layout.signed:
        return values
    sign = 1 << layout.bits_stored - 1
    return (values ^ sign).view(cells.dtype.str.replace("u", "i")) - sign


def has_table(layout: FrameLayout) -> bool:
    """Whether what is computed from values can be looked up by cell."""
    return not layout.floating and layout.bits_allocated <= _TABLE_BITS


def all_cells(layout: FrameLayout) -> Array:
    """Every cell that there can be, in order; only where `has_table`."""
    if layout.bits_allocated == 1:
        return np.arange(2, dtype=np.uint8)
    return np.arange(1 << layout.bits_allocated, dtype=f"<u{layout.bits_allocated // 8}")
