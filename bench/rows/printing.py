"""Films: a whole one composed, in processor time on one core.

No peer takes part: of those here none draws a film. What is timed is all between the images of a
film box and the drive levels of the device, without writing them anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from bench.results import OURS, Column, Result
from bench.rows.codecs import phantom
from pacs_framework.codecs.pixels import PixelFormat
from pacs_print.composing import compose
from pacs_print.film import Film, FilmImage
from pacs_print.printers import PrinterSettings
from pacs_print.terms import Magnification

__all__ = ["FILM_ROWS", "measure_films"]

_RESOLUTIONS = (300, 600)  # dpi

FILM_ROWS = tuple(f"film-{dpi}" for dpi in _RESOLUTIONS)
"""The names of all rows."""

_SLICE = PixelFormat(rows=512, columns=512, bits_allocated=16, bits_stored=12)
_BOXES = 12
_REPEATS = 7


def measure_films() -> Iterator[Result]:
    """The rows: 14 × 17 inches, 12 CT slices of 12 bits, at 300 and at 600 dpi, in seconds."""
    samples = np.frombuffer(phantom(_SLICE), "<u2").reshape(_SLICE.rows, _SLICE.columns)
    image = FilmImage(pixels=samples.astype(np.uint16), bits=_SLICE.bits_stored)
    film = Film(
        display_format="STANDARD\\3,4",
        size_id="14INX17IN",
        magnification=Magnification.CUBIC,
        images=dict.fromkeys(range(1, _BOXES + 1), image),
    )
    for name, dpi in zip(FILM_ROWS, _RESOLUTIONS, strict=True):
        result = Result(
            name=name,
            title=f"film of {_BOXES} CT slices composed, {dpi} dpi, 12 bits, one core",
            unit="s",
            higher_is_better=False,
            table="print",
        )
        column = result.columns.setdefault(OURS, Column())
        printer = PrinterSettings(ae_title="BENCH", dpi=dpi, bits=12)
        _composed(film, printer)  # libraries are loaded with the first one
        column.samples += [_composed(film, printer) for _ in range(_REPEATS)]
        yield result


def _composed(film: Film, printer: PrinterSettings) -> float:
    start = time.process_time()
    for _ in compose(film, printer).strips(16):
        pass
    return time.process_time() - start
