"""A film becomes a sheet: boxes filled, images magnified, densities made P-values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pacs_framework.errors import ConfigurationError
from pacs_print.film import Film
from pacs_print.grayscale.presenting import p_values_of
from pacs_print.grayscale.tone import Tone, tone_of
from pacs_print.layout import MM_PER_INCH, Box, Layout, lay_out
from pacs_print.lettering import check_font
from pacs_print.magnifying import magnified
from pacs_print.placing import Outcome, Placement, Rectangle, in_pixels, place
from pacs_print.sheet import Sheet, Text
from pacs_print.terms import (
    Density,
    FilmError,
    Polarity,
    Resolution,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pacs_print.film import FilmImage, Pixels
    from pacs_print.magnifying import Source
    from pacs_print.printers import PrinterSettings

__all__ = ["check", "compose"]

_TRIM = 0.3  # mm: the line of a trim box


def compose(film: Film, printer: PrinterSettings) -> Sheet:
    """The sheet that a printer makes of a film.

    Memory is that of the sheet, and of one strip of an image at a time. Raises `FilmError` for what
    the printer cannot do, and OSError for a calibration file that is away.
    """
    laid = lay_out(
        printer,
        film.display_format,
        size_id=film.size_id,
        orientation=film.orientation,
        annotation_format=film.annotation_format,
    )
    return _Composer(film, printer, laid).sheet()


def check(printer: PrinterSettings) -> None:
    """Raise `ConfigurationError` for a calibration file or a font that cannot be used."""
    try:
        for medium in printer.media:
            tone_of(Film(medium=medium), printer)
        check_font(printer.font)
    except (FilmError, OSError) as error:
        raise ConfigurationError(f"printer {printer.ae_title!r}: {error}") from error


class _Composer:
    """One film on its way to a sheet."""

    def __init__(self, film: Film, printer: PrinterSettings, laid: Layout) -> None:
        self._film = film
        self._printer = printer
        self._laid = laid
        self._tone: Tone = tone_of(film, printer)
        self._dpi = printer.high_dpi if film.resolution is Resolution.HIGH else printer.dpi
        self._bits = 8 if film.colour else printer.bits

    def sheet(self) -> Sheet:
        film = self._film
        border = self._p_value(film.border_density, self._printer.border_density)
        empty = self._p_value(film.empty_image_density, self._printer.empty_image_density)
        pixels = self._blank(border)
        for box in self._laid.images:
            _fill(pixels, in_pixels(box, self._dpi), self._sample(empty))
        for position, image in sorted(film.images.items()):
            self._put(pixels, image, self._placed(position, image), trim=border)
        return Sheet(
            pixels=pixels,
            bits=self._bits,
            dpi=self._dpi,
            tone=self._tone,
            texts=tuple(self._texts(pixels)),
            font=self._printer.font,
        )

    # --- densities ------------------------------------------------------------------------------

    def _p_value(self, asked: Density | int | None, usual: Density | int) -> float:
        """The P-value of border or empty boxes; BLACK and WHITE are as the images have them."""
        density = usual if asked is None else asked
        hardcopy = self._tone.hardcopy
        if density is Density.BLACK:
            limit = self._film.max_density
            return 0.0 if limit is None else float(hardcopy.p_value(limit / 100))
        if density is Density.WHITE:
            limit = self._film.min_density
            return 1.0 if limit is None else float(hardcopy.p_value(limit / 100))
        return float(hardcopy.p_value(density / 100))

    def _sample(self, p_value: float) -> int:
        """How a P-value stands in the pixels of the sheet."""
        if self._film.colour:
            density = self._tone.hardcopy.density(np.array([p_value]))
            return round(float(self._tone.device.level(density)[0]) * 255)
        return round(p_value * ((1 << self._bits) - 1))

    def _blank(self, p_value: float) -> Pixels:
        size = self._laid.width, self._laid.height
        columns, rows = (round(mm / MM_PER_INCH * self._dpi) for mm in size)
        shape = (rows, columns, 3) if self._film.colour else (rows, columns)
        kind = np.uint8 if self._bits == 8 else np.uint16
        return np.full(shape, self._sample(p_value), dtype=kind)

    # --- images ---------------------------------------------------------------------------------

    def _placed(self, position: int, image: FilmImage) -> Placement:
        if not 1 <= position <= len(self._laid.images):
            raise FilmError(
                f"no image box {position} in {self._film.display_format!r}: it has "
                f"{len(self._laid.images)}"
            )
        box = in_pixels(self._laid.images[position - 1], self._dpi)
        magnification = self._film.magnification or self._printer.magnification
        placed = place(image, box, self._dpi, magnification)
        if placed.outcome is Outcome.TOO_LARGE:
            raise FilmError(f"the image in box {position} is too large, and may not be changed")
        return placed

    def _put(self, pixels: Pixels, image: FilmImage, placed: Placement, *, trim: float) -> None:
        target = placed.target
        smoothing = image.smoothing or self._film.smoothing or self._printer.smoothing
        for top, strip in magnified(self._source(image), placed, smoothing):
            first = target.top + top
            there = pixels[first : first + strip.shape[0], target.left : target.left + target.width]
            _lay(there, strip if image.colour else self._whole(strip))
        if self._film.trim:
            line = max(1, round(_TRIM / MM_PER_INCH * self._dpi))
            _frame(pixels, target, line, self._sample(float(trim < 0.5)))

    def _source(self, image: FilmImage) -> Source:
        """The image as samples of the sheet."""
        if image.colour:
            return _Colour(image)
        table = p_values_of(image, self._film, self._tone.hardcopy)
        if self._film.colour:
            table = self._tone.device.level(self._tone.hardcopy.density(table))
        return _Gray(image, (table * ((1 << self._bits) - 1)).astype(np.float32))

    def _whole(self, strip: NDArray[Any]) -> NDArray[np.float32]:
        """Numbers that are cut to the nearest sample: cubic functions go beyond black and white."""
        whole = np.clip(strip, 0, (1 << self._bits) - 1)
        whole += np.float32(0.5)
        return np.asarray(whole)

    # --- words ----------------------------------------------------------------------------------

    def _texts(self, pixels: Pixels) -> Iterator[Text]:
        for position, words in sorted(self._film.annotations.items()):
            if not 1 <= position <= len(self._laid.annotations):
                raise FilmError(
                    f"no annotation box {position} in {self._film.annotation_format!r}: it has "
                    f"{len(self._laid.annotations)}"
                )
            if words:
                box = self._laid.annotations[position - 1]
                yield Text(
                    words=words, box=box, white=self._is_dark(pixels, box), align=self._align(box)
                )

    def _align(self, box: Box) -> Literal["left", "centre", "right"]:
        """Words at an edge of the film begin or end there; those between are centred."""
        margin = self._printer.margin + 0.5
        if box.left <= margin:
            return "left"
        return "right" if box.left + box.width >= self._laid.width - margin else "centre"

    def _is_dark(self, pixels: Pixels, box: Box) -> bool:
        area = in_pixels(box, self._dpi)
        part = pixels[area.top : area.top + area.height, area.left : area.left + area.width]
        return float(part.mean()) < ((1 << self._bits) - 1) / 2


class _Colour:
    """An image in RGB at its own size."""

    def __init__(self, image: FilmImage) -> None:
        self._image = image
        self.size: tuple[int, int] = image.pixels.shape[:2]

    def rows(self, first: int, last: int) -> NDArray[np.uint8]:
        """Those before ``last``."""
        rgb = np.asarray(self._image.pixels[first:last], dtype=np.uint8)
        return 255 - rgb if self._image.polarity is Polarity.REVERSE else rgb


class _Gray:
    """An image in gray at its own size; ``samples`` has those of the sheet for each value."""

    def __init__(self, image: FilmImage, samples: NDArray[np.float32]) -> None:
        self._image = image
        self._samples = samples
        self.size: tuple[int, int] = image.pixels.shape

    def rows(self, first: int, last: int) -> NDArray[np.float32]:
        """Those before ``last``, with fractions."""
        known = np.minimum(self._image.pixels[first:last], self._samples.size - 1)
        return np.take(self._samples, known)


def _lay(there: Pixels, strip: NDArray[Any]) -> None:
    """Put samples into a part of the sheet; gray ones go into all three colours."""
    samples = strip[..., np.newaxis] if strip.ndim < there.ndim else strip
    np.copyto(there, samples, casting="unsafe")


def _fill(pixels: Pixels, area: Rectangle, sample: int) -> None:
    pixels[area.top : area.top + area.height, area.left : area.left + area.width] = sample


def _frame(pixels: Pixels, area: Rectangle, line: int, sample: int) -> None:
    """A trim box: a line just around an image, where the film has room for it."""
    rows, columns = pixels.shape[:2]
    top, left = max(0, area.top - line), max(0, area.left - line)
    bottom = min(rows, area.top + area.height + line)
    right = min(columns, area.left + area.width + line)
    pixels[top : area.top, left:right] = sample
    pixels[area.top + area.height : bottom, left:right] = sample
    pixels[top:bottom, left : area.left] = sample
    pixels[top:bottom, area.left + area.width : right] = sample
