"""From the pixels of an image to the P-values of its sheet: one table for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacs_print.terms import Polarity, PresentationLutShape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacs_print.film import Film, FilmImage, PresentationLut
    from pacs_print.grayscale.hardcopy import Hardcopy

__all__ = ["p_values_of"]


def p_values_of(image: FilmImage, film: Film, sheet: Hardcopy) -> NDArray[np.float64]:
    """The P-value from 0 to 1 on the sheet for each value that a pixel of ``image`` may have.

    Polarity comes first, then the Presentation LUT (PS3.4 H.4.9), then the densities that film and
    image are limited to: within a sheet that can be darker or brighter.
    """
    greatest = (1 << image.bits) - 1
    values = np.arange(greatest + 1, dtype=np.float64) / greatest
    inverted = image.photometric_interpretation == "MONOCHROME1"
    if inverted is not (image.polarity is Polarity.REVERSE):
        values = 1.0 - values
    limited = _limited(image, film, sheet)
    lut = image.presentation_lut or film.presentation_lut
    if lut.table is None and lut.shape is PresentationLutShape.LIN_OD:
        span = limited.max_density - limited.min_density
        return sheet.p_value(limited.max_density - values * span)
    values = _looked_up(lut, values)
    return values if limited == sheet else sheet.p_value(limited.density(values))


def _looked_up(lut: PresentationLut, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entries are met exactly where there are as many as values; else those between are drawn."""
    if lut.table is None:
        return values
    entries = np.linspace(0.0, 1.0, lut.table.size)
    return np.interp(values, entries, lut.table / ((1 << lut.bits) - 1))


def _limited(image: FilmImage, film: Film, sheet: Hardcopy) -> Hardcopy:
    """The densities of an image; what the printer cannot do becomes the end of its range."""
    least = _first(image.min_density, film.min_density)
    greatest = _first(image.max_density, film.max_density)
    low = sheet.min_density if least is None else max(sheet.min_density, least / 100)
    high = sheet.max_density if greatest is None else min(sheet.max_density, greatest / 100)
    if low >= high:  # asked for the wrong way round, or both beyond the range
        return sheet
    return type(sheet)(
        min_density=low,
        max_density=high,
        illumination=sheet.illumination,
        ambient=sheet.ambient,
    )


def _first(own: int | None, film: int | None) -> int | None:
    return film if own is None else own
