"""How large an image becomes in its box, and what of it is shown (PS3.3 C.13.5).

All in pixels of the printer. An image keeps its shape, whatever its pixels are shaped like.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pacs_print.layout import MM_PER_INCH
from pacs_print.terms import DecimateCrop, FilmError, Magnification

if TYPE_CHECKING:
    from pacs_print.film import FilmImage
    from pacs_print.layout import Box

__all__ = ["Outcome", "Placement", "Rectangle", "in_pixels", "place"]

_ALMOST = 0.5  # pixels that a size may be over its box by rounding


class Outcome(StrEnum):
    """What became of an image that was to be put into a box."""

    FITS = "fits"
    DECIMATED = "decimated"
    CROPPED = "cropped"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Whole pixels of a sheet."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an image goes: ``target`` on the sheet, from ``window`` of the image.

    ``window`` is left, top, right and bottom in pixels of the image, with fractions.
    ``magnification`` is the one that is heeded. With the outcome TOO_LARGE nothing is printed.
    """

    outcome: Outcome
    target: Rectangle
    window: tuple[float, float, float, float]
    magnification: Magnification


def in_pixels(box: Box, dpi: int) -> Rectangle:
    """The pixels that a box has; its edges fall where those of its neighbours do."""
    left, right = (_pixel(mm, dpi) for mm in (box.left, box.left + box.width))
    top, bottom = (_pixel(mm, dpi) for mm in (box.top, box.top + box.height))
    return Rectangle(left, top, max(1, right - left), max(1, bottom - top))


def place(image: FilmImage, box: Rectangle, dpi: int, magnification: Magnification) -> Placement:
    """Put an image into the middle of its box, of which it fills as much as it can.

    ``magnification`` is what the film or the printer has, where the image says nothing of its own.
    With NONE one pixel of the image is one of the printer. A requested size goes before that: then
    NONE repeats pixels, since it wants no new values. An image that is larger than its box, by its
    pixels or by the requested size, is made smaller, cropped around its middle, or refused.
    """
    wanted = image.magnification or magnification
    width, height = _natural(image)
    scale, too_large = _scale(image, wanted, (width, height), box, dpi)
    outcome = Outcome.FITS
    if too_large:
        outcome, scale = _shrunk(image, scale, min(box.width / width, box.height / height))
    if wanted is Magnification.NONE and (image.requested_size is not None or scale < 1):
        wanted = Magnification.REPLICATE if scale >= 1 else Magnification.CUBIC
    shown = (min(1.0, box.width / (width * scale)), min(1.0, box.height / (height * scale)))
    return Placement(
        outcome=outcome,
        target=_middle(box, width * scale, height * scale),
        window=_window(image, *shown),
        magnification=wanted,
    )


def _pixel(mm: float, dpi: int) -> int:
    return round(mm / MM_PER_INCH * dpi)


def _natural(image: FilmImage) -> tuple[float, float]:
    """Width and height with one pixel of the printer for each pixel's shorter side."""
    rows, columns = image.pixels.shape[:2]
    vertical, horizontal = image.pixel_aspect_ratio
    shorter = min(vertical, horizontal)
    return columns * horizontal / shorter, rows * vertical / shorter


def _scale(
    image: FilmImage,
    magnification: Magnification,
    size: tuple[float, float],
    box: Rectangle,
    dpi: int,
) -> tuple[float, bool]:
    """The scale that is asked for, and whether the image is too large for its box with it."""
    width, height = size
    if image.requested_size is not None:
        scale = image.requested_size / MM_PER_INCH * dpi / width
        if scale * min(width, height) < 1:
            raise FilmError(f"an image of {image.requested_size} mm has no pixel on this printer")
    else:
        scale = 1.0
    over = max(width * scale - box.width, height * scale - box.height)
    if over > _ALMOST:
        return scale, True
    if image.requested_size is None and magnification is not Magnification.NONE:
        scale = min(box.width / width, box.height / height)
    return scale, False


def _shrunk(image: FilmImage, scale: float, fitting: float) -> tuple[Outcome, float]:
    match image.decimate_or_crop:
        case DecimateCrop.CROP:
            return Outcome.CROPPED, scale
        case DecimateCrop.FAIL:
            return Outcome.TOO_LARGE, fitting
        case _:
            return Outcome.DECIMATED, fitting


def _middle(box: Rectangle, width: float, height: float) -> Rectangle:
    wide = max(1, min(box.width, round(width)))
    high = max(1, min(box.height, round(height)))
    return Rectangle(
        box.left + (box.width - wide) // 2, box.top + (box.height - high) // 2, wide, high
    )


def _window(image: FilmImage, wide: float, high: float) -> tuple[float, float, float, float]:
    """The middle of an image, as shares of its columns and rows."""
    rows, columns = image.pixels.shape[:2]
    left, top = columns * (1 - wide) / 2, rows * (1 - high) / 2
    return left, top, columns - left, rows - top
