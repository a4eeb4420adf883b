"""What stands between a film and its densities: range, light and device of one printer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_print.grayscale.device import Device, MeasuredDevice, SrgbDevice, read_calibration
from pacs_print.grayscale.hardcopy import Hardcopy
from pacs_print.terms import FilmError

if TYPE_CHECKING:
    from pacs_print.film import Film
    from pacs_print.printers import PrinterSettings

__all__ = ["Tone", "tone_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """The densities of a sheet, and the device that makes them."""

    hardcopy: Hardcopy
    device: Device


def tone_of(film: Film, printer: PrinterSettings) -> Tone:
    """How this printer shows P-values on this film.

    What the film asks for goes first, then what the calibration file says, then the settings.
    Raises `FilmError` and OSError for a calibration file that cannot be used.
    """
    medium = film.medium or printer.media[0]
    measured = None if printer.calibration is None else _read(printer.calibration)
    least, greatest = (hundredths / 100 for hundredths in printer.densities(medium))
    if measured is not None:
        low, high = float(measured.densities[0]), float(measured.densities[-1])
        least = low if printer.min_density is None else max(least, low)
        greatest = high if printer.max_density is None else min(greatest, high)
        if least >= greatest:
            raise FilmError(f"{printer.calibration} has none of the densities of {medium.value}")
    light = _first(film.illumination, measured.illumination if measured else None)
    room = _first(film.reflected_ambient_light, measured.ambient if measured else None)
    usual_light, usual_room = printer.light(medium)
    return Tone(
        hardcopy=Hardcopy(
            min_density=least,
            max_density=greatest,
            illumination=float(usual_light if light is None else light),
            ambient=0.0 if medium.is_paper else float(usual_room if room is None else room),
        ),
        device=measured or SrgbDevice(min_density=least, max_density=greatest),
    )


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _read(path: Path) -> MeasuredDevice:
    status = path.stat()
    return _kept(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _kept(path: Path, _changed: int, _size: int) -> MeasuredDevice:
    """One for each state of a file: a new calibration counts from the next film on."""
    return read_calibration(path)
