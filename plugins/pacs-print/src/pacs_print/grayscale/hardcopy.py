"""Density on a film or on paper, and the P-values that stand for it (PS3.14 7.2 and 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacs_print.grayscale.gsdf import jnd_index, luminance

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Hardcopy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardcopy:
    """What a sheet can show, and how it is looked at.

    Densities are in OD, not in hundredths. ``illumination`` is the luminance in cd/m² of the light
    box behind a film, or of light on paper that reflects all of it; ``ambient`` what a film
    reflects of the room's light, in cd/m². Paper has none: its light is the room's.
    """

    min_density: float
    max_density: float
    illumination: float
    ambient: float = 0.0

    def luminance(self, density: ArrayLike) -> NDArray[np.float64]:
        """What an eye sees, in cd/m² (PS3.14: L = La + L0 · 10^-D)."""
        share = np.power(10.0, -np.asarray(density, dtype=np.float64))
        return np.asarray(self.ambient + self.illumination * share)

    def density(self, p_value: ArrayLike) -> NDArray[np.float64]:
        """The density that shows P-values from 0 to 1: equal steps are equally well seen."""
        darkest, brightest = jnd_index(self.luminance([self.max_density, self.min_density]))
        wanted = luminance(darkest + np.asarray(p_value) * (brightest - darkest))
        light = np.maximum(wanted - self.ambient, np.finfo(np.float64).tiny)
        exact = -np.log10(light / self.illumination)
        return np.asarray(np.clip(exact, self.min_density, self.max_density))

    def p_value(self, density: ArrayLike) -> NDArray[np.float64]:
        """The P-value from 0 to 1 of densities; those outside of the range get its ends."""
        darkest, brightest = jnd_index(self.luminance([self.max_density, self.min_density]))
        index = jnd_index(self.luminance(density))
        return np.asarray(np.clip((index - darkest) / (brightest - darkest), 0.0, 1.0))
