"""A composed film: P-values at the printer's resolution, and words that are not drawn yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pacs_print.layout import MM_PER_INCH, Box

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pacs_print.film import Pixels
    from pacs_print.grayscale.tone import Tone

__all__ = ["Sheet", "Text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line of words in a box, in mm. ``white`` on what is dark there, else black."""

    words: str
    box: Box
    white: bool
    align: Literal["left", "centre", "right"] = "left"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """A film as this printer shows it.

    ``pixels`` are P-values of ``bits`` bits (8 as uint8, 12 as uint16) in (rows, columns), or sRGB
    in (rows, columns, 3) of uint8. They mean the densities of ``tone``, whoever prints them.
    """

    pixels: Pixels
    bits: int
    dpi: int
    tone: Tone
    texts: tuple[Text, ...] = ()
    font: Path | None = None

    @property
    def colour(self) -> bool:
        """Three samples for each pixel."""
        return self.pixels.ndim == 3

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in mm, as printed pixels have them."""
        rows, columns = self.pixels.shape[:2]
        return columns / self.dpi * MM_PER_INCH, rows / self.dpi * MM_PER_INCH

    def levels(self, bits: int) -> NDArray[np.uint16] | NDArray[np.uint8]:
        """For each P-value the drive level of the device, of ``bits`` bits (8 to 16)."""
        p_values = np.arange(1 << self.bits) / ((1 << self.bits) - 1)
        share = self.tone.device.level(self.tone.hardcopy.density(p_values))
        kind = np.uint8 if bits == 8 else np.uint16
        return np.asarray(np.rint(share * ((1 << bits) - 1)).astype(kind))

    def driven(self, bits: int = 8) -> Pixels:
        """What the device has to be sent: drive levels of ``bits`` bits, or the sRGB as it is."""
        if self.colour:
            return self.pixels
        whole = np.empty(self.pixels.shape, dtype=self.levels(bits).dtype)
        top = 0
        for strip in self.strips(bits):
            whole[top : top + strip.shape[0]] = strip
            top += strip.shape[0]
        return whole

    def strips(self, bits: int = 8, rows: int = 256) -> Iterator[Pixels]:
        """The same from top to bottom in pieces, for those who write as they go.

        Looking up takes eight bytes for each pixel, so it is done for a piece at a time.
        """
        levels = self.levels(bits)
        for top in range(0, self.pixels.shape[0], rows):
            part = self.pixels[top : top + rows]
            yield part if self.colour else np.take(levels, part)
