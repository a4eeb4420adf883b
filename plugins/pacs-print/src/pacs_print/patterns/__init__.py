"""Test patterns as films: what a printer is judged and calibrated by.

They are drawn for the pixels of one printer, so that a line of one pixel is one pixel on the film.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_print.film import Film, FilmImage
from pacs_print.layout import lay_out
from pacs_print.patterns.board import Board
from pacs_print.patterns.smpte import draw_smpte
from pacs_print.patterns.tg18 import draw_tg18_qc
from pacs_print.placing import in_pixels
from pacs_print.terms import FilmError, Magnification

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_print.printers import PrinterSettings

__all__ = ["PATTERNS", "pattern_film", "pattern_image"]

PATTERNS: dict[str, Callable[[Board], None]] = {"SMPTE": draw_smpte, "TG18-QC": draw_tg18_qc}
"""Name → what draws it."""

_SMALLEST = 512


def pattern_image(name: str, side: int, bits: int) -> FilmImage:
    """A pattern of ``side`` × ``side`` pixels of ``bits`` bits, 8 or 12. Raises `FilmError`."""
    if name not in PATTERNS:
        raise FilmError(f"no test pattern {name!r}; there are {', '.join(PATTERNS)}")
    if side < _SMALLEST:
        raise FilmError(f"a test pattern of {side} pixels shows nothing; it needs {_SMALLEST}")
    board = Board(side, bits)
    PATTERNS[name](board)
    return FilmImage(
        pixels=board.pixels,
        bits=bits,
        magnification=Magnification.NONE,
    )


def pattern_film(name: str, printer: PrinterSettings, size_id: str | None = None) -> Film:
    """A film of this printer with the pattern as large as it can be. Raises `FilmError`."""
    laid = lay_out(printer, "STANDARD\\1,1", size_id=size_id, annotation_format="BOTTOM")
    box = in_pixels(laid.images[0], printer.dpi)
    image = pattern_image(name, min(box.width, box.height), printer.bits)
    return Film(
        size_id=size_id,
        images={1: image},
        annotation_format="BOTTOM",
        annotations={1: f"{name}  {printer.ae_title}  {printer.dpi} dpi  {printer.bits} bits"},
    )
