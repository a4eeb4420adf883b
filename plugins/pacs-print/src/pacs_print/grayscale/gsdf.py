"""The Grayscale Standard Display Function (PS3.14 section 7): JND index and luminance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial import polynomial

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["GREATEST_INDEX", "jnd_index", "luminance"]

GREATEST_INDEX = 1023.0
"""The JND index of the greatest luminance, about 3994 cd/m²; the least one, 0.05 cd/m², has 1."""

# PS3.14 equation 7-1: a quotient of polynomials in ln(j), for log10(L).
_ABOVE = (-1.3011877, 8.0242636e-2, 1.3646699e-1, -2.5468404e-2, 1.3635334e-3)
_BELOW = (1.0, -2.5840191e-2, -1.0320229e-1, 2.8745620e-2, -3.1978977e-3, 1.2992634e-4)
# PS3.14 equation 7-2: a polynomial in log10(L), for j.
_INVERSE = (
    71.498068,
    94.593053,
    41.912053,
    9.8247004,
    0.28175407,
    -1.1878455,
    -0.18014349,
    0.14710899,
    -0.017046845,
)


def luminance(index: ArrayLike) -> NDArray[np.float64]:
    """The luminance in cd/m² of JND indices, which are kept between 1 and 1023."""
    log = np.log(np.clip(np.asarray(index, dtype=np.float64), 1.0, GREATEST_INDEX))
    exponent = polynomial.polyval(log, _ABOVE) / polynomial.polyval(log, _BELOW)
    return np.asarray(10.0**exponent)


def jnd_index(cd_per_m2: ArrayLike) -> NDArray[np.float64]:
    """The JND indices of luminances in cd/m², which are kept within the range of the function."""
    least, greatest = luminance(1.0), luminance(GREATEST_INDEX)
    log = np.log10(np.clip(np.asarray(cd_per_m2, dtype=np.float64), least, greatest))
    return np.asarray(polynomial.polyval(log, _INVERSE))
