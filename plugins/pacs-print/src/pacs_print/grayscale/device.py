"""The density that a device makes of a drive level: measured, or that of sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pacs_print.terms import FilmError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Device", "MeasuredDevice", "SrgbDevice", "read_calibration"]

_FEWEST = 2  # points of a curve
_HEADERS = frozenset({"max", "lum", "amb", "ord"})


class Device(Protocol):
    """What turns density into the level that a device has to be driven with."""

    def level(self, density: NDArray[np.float64]) -> NDArray[np.float64]:
        """Drive levels from 0 to 1 for densities in OD; what it cannot do gets the nearest."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SrgbDevice:
    """A device that nobody measured: it shows gray values as sRGB has them (IEC 61966-2-1).

    Its white has the least density of the sheet, its black the greatest.
    """

    min_density: float
    max_density: float

    def level(self, density: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Device`."""
        black = 10.0 ** (self.min_density - self.max_density)
        light = 10.0 ** (self.min_density - np.asarray(density, dtype=np.float64))
        linear = np.clip((light - black) / (1.0 - black), 0.0, 1.0)
        curved = 1.055 * np.power(linear, 1 / 2.4) - 0.055
        return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, curved))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredDevice:
    """A device by its density curve: ``levels`` from 0 to 1 and their ``densities``, which rise.

    Between two points it is a straight line. ``illumination`` and ``ambient`` are what the file
    says of them, in cd/m².
    """

    levels: NDArray[np.float64]
    densities: NDArray[np.float64]
    illumination: float | None = None
    ambient: float | None = None

    def level(self, density: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Device`."""
        return np.interp(density, self.densities, self.levels)


def read_calibration(path: Path) -> MeasuredDevice:
    """Read a density curve: lines of drive level and optical density.

    Also the characteristic files of printers that DCMTK has are understood: ``max`` is the highest
    level (else the highest of the lines), ``lum`` and ``amb`` are illumination and reflected
    ambient light. Its ``ord`` asks for a fitted curve; here the points count as they were measured.
    Text behind ``#`` is a comment. Raises `FilmError` for what is no curve, and OSError.
    """
    headers: dict[str, float] = {}
    points: list[tuple[float, float]] = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        try:
            _take(words, headers, points)
        except ValueError:
            raise FilmError(
                f"{path}, line {number}: {line.strip()!r} is no drive level and density"
            ) from None
    return _device(path, headers, points)


def _take(words: list[str], headers: dict[str, float], points: list[tuple[float, float]]) -> None:
    first, second = words
    if first in _HEADERS:
        headers[first] = float(second)
    else:
        points.append((float(first), float(second)))


def _device(
    path: Path, headers: dict[str, float], points: list[tuple[float, float]]
) -> MeasuredDevice:
    if len(points) < _FEWEST:
        raise FilmError(f"{path} has no {_FEWEST} lines of drive level and density")
    by_density = np.array(sorted(points, key=lambda point: point[1]), dtype=np.float64)
    levels, densities = by_density[:, 0], by_density[:, 1]
    steps = np.diff(levels)
    one_way = bool(np.all(steps > 0) or np.all(steps < 0)) and bool(np.all(np.diff(densities) > 0))
    highest = headers.get("max", float(levels.max()))
    if not (one_way and np.all(np.isfinite(by_density)) and levels.min() >= 0):
        raise FilmError(f"{path} is no density curve: it does not rise or fall all the way")
    if highest < levels.max():
        raise FilmError(f"{path} has drive levels above its max, {highest:g}")
    return MeasuredDevice(
        levels=levels / highest,
        densities=densities,
        illumination=headers.get("lum"),
        ambient=headers.get("amb"),
    )
