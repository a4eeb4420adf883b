"""An image at its size on the sheet, in strips: what Magnification and Smoothing Type ask for.

Beside the sheet there are a strip in memory and the whole image, gray ones with four bytes a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pacs_print.terms import Magnification, Smoothing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pacs_print.film import Pixels
    from pacs_print.placing import Placement

    Source = NDArray[np.uint8] | NDArray[np.float32]

__all__ = ["magnified"]

_STRIP = 512  # rows that are made together

_REPEATED = frozenset({Magnification.NONE, Magnification.REPLICATE})
_CUBIC = {
    Smoothing.SHARP: Image.Resampling.LANCZOS,
    Smoothing.MEDIUM: Image.Resampling.BICUBIC,
    Smoothing.SMOOTH: Image.Resampling.BICUBIC,
}


def magnified(
    source: Source, placed: Placement, smoothing: Smoothing
) -> Iterator[tuple[int, Pixels]]:
    """Strips of the image, each with its first row within the target.

    ``source`` is gray with fractions, (rows, columns), or RGB of 8 bits, (rows, columns, 3); strips
    are of the same kind. Those of gray may go beyond what there was in the source.
    """
    if placed.magnification in _REPEATED:
        return _repeated(source, placed)
    if placed.magnification is Magnification.BILINEAR:
        return _interpolated(source, placed, Image.Resampling.BILINEAR)
    if smoothing is Smoothing.SMOOTH:
        source = _smoothed(source)
    return _interpolated(source, placed, _CUBIC[smoothing])


def _repeated(source: Source, placed: Placement) -> Iterator[tuple[int, Pixels]]:
    """The pixel of the image in which the middle of each pixel of the sheet lies."""
    left, top, right, bottom = placed.window
    target = placed.target
    rows = _nearest(top, bottom, target.height)
    narrow = np.take(source, _nearest(left, right, target.width), axis=1)
    for first in range(0, target.height, _STRIP):
        yield first, np.take(narrow, rows[first : first + _STRIP], axis=0)


def _nearest(start: float, end: float, count: int) -> NDArray[np.intp]:
    return np.floor(start + (np.arange(count) + 0.5) * (end - start) / count).astype(np.intp)


def _interpolated(
    source: Source, placed: Placement, how: Image.Resampling
) -> Iterator[tuple[int, Pixels]]:
    """Pixels outside of the window count for those at its edge, and strips join without a seam:
    each is resampled from the whole image.
    """
    image = Image.fromarray(source)
    left, top, right, bottom = placed.window
    target = placed.target
    for first in range(0, target.height, _STRIP):
        last = min(first + _STRIP, target.height)
        start, end = (top + (bottom - top) * row / target.height for row in (first, last))
        size = (target.width, last - first)
        yield first, np.asarray(image.resize(size, how, box=(left, start, right, end)))


def _smoothed(source: Source) -> Source:
    """Each pixel with its neighbours, 1-4-1 across and down: the samples of a cubic B-spline."""
    smooth = source.astype(np.float32)
    for axis in (0, 1):
        edges = [(1, 1) if axis == each else (0, 0) for each in range(source.ndim)]
        wide = np.pad(smooth, edges, mode="edge")
        count = source.shape[axis]
        before, here, after = (
            np.take(wide, range(start, start + count), axis=axis) for start in range(3)
        )
        smooth = (before + 4 * here + after) / np.float32(6)
    return smooth if source.dtype == np.float32 else np.rint(smooth).astype(np.uint8)
