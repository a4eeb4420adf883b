"""How large a picture is: square pixels, and a box to fit into (PS3.3 C.7.6.3.1.7, 10.7.1.1)."""

from __future__ import annotations

from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import numbers_of
from pacs_framework.rendering.frame_header import FrameHeader

__all__ = ["MOST_PIXELS", "pixel_height", "size_of"]

MOST_PIXELS = 1 << 28
"""The most pixels of a picture that is enlarged, by its aspect ratio or to a size."""

_NEARLY_SQUARE = 0.001
_SPACINGS = ("ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")


def pixel_height(header: FrameHeader) -> float:
    """The height of a pixel beside its width; 1.0 where they are the same, or nothing is said."""
    spacing = _pair(header.macro("PixelMeasuresSequence"), "PixelSpacing")
    for keyword in _SPACINGS:
        spacing = spacing or _pair(header.root, keyword)
    height, width = spacing or (1.0, 1.0)
    return 1.0 if abs(height / width - 1) < _NEARLY_SQUARE else height / width


def _pair(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    """Rows first, then columns; None where they are missing or mean nothing."""
    numbers = numbers_of(dataset, keyword)
    if len(numbers) != 2 or min(numbers) <= 0:
        return None
    return numbers[0], numbers[1]


def size_of(rows: int, columns: int, height: float, box: tuple[int, int] | None) -> tuple[int, int]:
    """(width, height) of the picture of so many pixels, each ``height`` times as high as wide.

    Without a ``box``, the coarser direction is enlarged, so that every pixel stays. With one, as
    large as fits into its width and height. Raises `UnreadableInstance` beyond `MOST_PIXELS`.
    """
    wide, high = columns * max(1 / height, 1.0), rows * max(height, 1.0)
    if box is not None:
        scale = min(box[0] / wide, box[1] / high)
        wide, high = wide * scale, high * scale
    size = max(round(wide), 1), max(round(high), 1)
    if size != (columns, rows) and size[0] * size[1] > MOST_PIXELS:
        raise UnreadableInstance(
            f"a picture of {size[0]} × {size[1]} pixels, more than {MOST_PIXELS} in all are not "
            "drawn: give a smaller size"
        )
    return size
