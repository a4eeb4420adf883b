"""An image at its size on the sheet, in strips: what Magnification and Smoothing Type ask for.

Each strip is made of just those rows of the image that it needs, so that beside the sheet there is
a strip in memory and what it is made of, however large the image is.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from pacs_print.terms import Magnification, Smoothing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pacs_print.film import Pixels
    from pacs_print.placing import Placement

__all__ = ["Source", "magnified"]

_STRIP = 512  # rows that are made together, at most
_PIXELS = 1 << 21  # of the image that a strip is made of, about

_REPEATED = frozenset({Magnification.NONE, Magnification.REPLICATE})
_CUBIC = {
    Smoothing.SHARP: Image.Resampling.LANCZOS,
    Smoothing.MEDIUM: Image.Resampling.BICUBIC,
    Smoothing.SMOOTH: Image.Resampling.BICUBIC,
}
_REACH = {
    Image.Resampling.BILINEAR: 1,
    Image.Resampling.BICUBIC: 2,
    Image.Resampling.LANCZOS: 3,
}
"""How many pixels to each side make a new one; so many times more where an image gets smaller."""


class Source(Protocol):
    """An image as samples of the sheet, at its own size."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""

    def rows(self, first: int, last: int) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Those before ``last``: gray with fractions, (rows, columns), or RGB of 8 bits, (rows,
        columns, 3).
        """


def magnified(
    source: Source, placed: Placement, smoothing: Smoothing
) -> Iterator[tuple[int, Pixels]]:
    """Strips of the image, each with its first row within the target.

    Strips are of the kind that the source's rows are. Those of gray may go beyond what there was in
    the source.
    """
    if placed.magnification in _REPEATED:
        return _repeated(source, placed)
    if placed.magnification is Magnification.BILINEAR:
        return _interpolated(source, placed, Image.Resampling.BILINEAR)
    if smoothing is Smoothing.SMOOTH:
        source = _Smoothed(source)
    return _interpolated(source, placed, _CUBIC[smoothing])


def _strips(source: Source, placed: Placement) -> Iterator[tuple[int, int]]:
    """First and last row of each."""
    _, top, _, bottom = placed.window
    height = placed.target.height
    behind = source.size[1] * (bottom - top) / height  # pixels of the image for each row
    rows = max(1, min(_STRIP, int(_PIXELS / behind)))
    for first in range(0, height, rows):
        yield first, min(first + rows, height)


def _repeated(source: Source, placed: Placement) -> Iterator[tuple[int, Pixels]]:
    """The pixel of the image in which the middle of each pixel of the sheet lies."""
    left, top, right, bottom = placed.window
    rows = _nearest(top, bottom, placed.target.height)
    columns = _nearest(left, right, placed.target.width)
    for first, last in _strips(source, placed):
        wanted = rows[first:last]
        start = int(wanted[0])
        narrow = np.take(source.rows(start, int(wanted[-1]) + 1), columns, axis=1)
        yield first, np.take(narrow, wanted - start, axis=0)


def _nearest(start: float, end: float, count: int) -> NDArray[np.intp]:
    return np.floor(start + (np.arange(count) + 0.5) * (end - start) / count).astype(np.intp)


def _interpolated(
    source: Source, placed: Placement, how: Image.Resampling
) -> Iterator[tuple[int, Pixels]]:
    """Pixels outside of the window count for those at its edge, and strips join without a seam:
    each is resampled from all that has a part in it.
    """
    left, top, right, bottom = placed.window
    target = placed.target
    step = (bottom - top) / target.height
    reach = _REACH[how] * max(step, 1) + 1
    for first, last in _strips(source, placed):
        start, end = top + step * first, top + step * last
        above, below = max(0, floor(start - reach)), min(source.size[0], ceil(end + reach))
        part = Image.fromarray(source.rows(above, below))
        # The sums may come out beyond the last row by the last bit of a number.
        box = (left, start - above, right, min(end - above, below - above))
        yield first, np.asarray(part.resize((target.width, last - first), how, box=box))


class _Smoothed:
    """Each pixel with its neighbours, 1-4-1 across and down: the samples of a cubic B-spline."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.size = source.size

    def rows(self, first: int, last: int) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Made of one more to each side, where there is one."""
        above, below = max(0, first - 1), min(self.size[0], last + 1)
        given = self._source.rows(above, below)
        smooth = given.astype(np.float32)
        for axis in (0, 1):
            edges = [(1, 1) if axis == each else (0, 0) for each in range(given.ndim)]
            wide = np.moveaxis(np.pad(smooth, edges, mode="edge"), axis, 0)
            sums = wide[1:-1] * np.float32(4)
            sums += wide[:-2]
            sums += wide[2:]
            smooth = np.moveaxis(sums, 0, axis) / np.float32(6)
        smooth = smooth[first - above : last - above]
        return smooth if given.dtype == np.float32 else np.rint(smooth).astype(np.uint8)
