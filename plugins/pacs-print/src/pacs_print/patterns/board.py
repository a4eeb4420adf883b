"""What patterns are drawn on: a square, measured in 1024 units, whatever its pixels are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import reportlab
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from typing import TypeAlias

    from pacs_print.film import Pixels

    Direction: TypeAlias = Literal["across", "down"]

__all__ = ["UNITS", "Board"]

UNITS = 1024.0


class Board:
    """A square of pixels. Places and sizes are units, 1024 to a side; levels go from 0 to 1."""

    def __init__(self, side: int, bits: int) -> None:
        self.pixels: Pixels = np.zeros((side, side), dtype=np.uint8 if bits == 8 else np.uint16)
        self._greatest = (1 << bits) - 1
        self._scale = side / UNITS

    def pixel(self, units: float) -> int:
        """Where a unit lies."""
        return round(units * self._scale)

    def sample(self, level: float) -> int:
        """A level as the pixels have it."""
        return round(level * self._greatest)

    def fill(self, left: float, top: float, width: float, height: float, level: float) -> None:
        """A rectangle."""
        self._part(left, top, width, height)[:] = self.sample(level)

    def line(self, left: float, top: float, width: float, height: float, level: float) -> None:
        """A line of one pixel, or of as many as half a unit has: ``width`` or ``height`` is 0."""
        thick = max(1, self.pixel(0.5))
        x, y = self.pixel(left), self.pixel(top)
        wide, high = self.pixel(width) or thick, self.pixel(height) or thick
        self.pixels[y : y + high, x : x + wide] = self.sample(level)

    def frame(self, left: float, top: float, width: float, height: float, level: float) -> None:
        """The four edges of a rectangle."""
        self.line(left, top, width, 0, level)
        self.line(left, top + height, width, 0, level)
        self.line(left, top, 0, height, level)
        self.line(left + width, top, 0, height, level)

    def bars(
        self,
        place: tuple[float, float, float],
        pixels: int,
        levels: tuple[float, float],
        direction: Direction,
    ) -> None:
        """A square (left, top, side) of lines that are so many pixels wide, whatever a unit is."""
        left, top, side = place
        part = self._part(left, top, side, side)
        numbers = np.arange(part.shape[0 if direction == "across" else 1]) // pixels % 2
        lines = np.where(numbers == 0, self.sample(levels[0]), self.sample(levels[1]))
        part[:] = lines[:, np.newaxis] if direction == "across" else lines[np.newaxis, :]

    def ramp(self, left: float, top: float, width: float, height: float) -> None:
        """From black at the top to white at the bottom, in all levels that there are."""
        part = self._part(left, top, width, height)
        levels = np.rint(np.linspace(0, self._greatest, part.shape[0]))
        part[:] = levels[:, np.newaxis].astype(part.dtype)

    def words(self, left: float, top: float, words: str, size: float, level: float) -> None:
        """Words whose letters are ``size`` units high."""
        path = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
        font = ImageFont.truetype(str(path), size=max(1.0, size * self._scale))
        mask = Image.new("1", (self.pixel(size * (len(words) + 1)), self.pixel(size * 2)))
        ImageDraw.Draw(mask).text((0, 0), words, fill=1, font=font)
        x, y = self.pixel(left), self.pixel(top)
        part = self.pixels[y : y + mask.height, x : x + mask.width]
        letters = np.asarray(mask)[: part.shape[0], : part.shape[1]]
        part[letters] = self.sample(level)

    def _part(self, left: float, top: float, width: float, height: float) -> Pixels:
        edges = (self.pixel(each) for each in (top, top + height, left, left + width))
        first, last, start, end = edges
        return self.pixels[first:last, start:end]
