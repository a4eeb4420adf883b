"""Printers and images for the tests of films, and magnification computed once more with NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pacs_print.film import FilmImage
from pacs_print.printers import PrinterSettings


def printer(**settings: Any) -> PrinterSettings:
    """A printer of small films: 100 mm × 150 mm with 254 dpi, so that 1 mm is 10 pixels."""
    return PrinterSettings(
        **{
            "ae_title": "FILM",
            "dpi": 254,
            "high_dpi": 508,
            "bits": 12,
            "sizes": ("100MMX150MM", "14INX17IN"),
            "margin": 0.0,
            "gap": 0.0,
            **settings,
        }
    )


def image(rows: int = 50, columns: int = 50, bits: int = 8, **attributes: Any) -> FilmImage:
    """Noise, which shows every pixel that is not where it belongs."""
    kind = np.uint8 if bits == 8 else np.uint16
    noise = np.random.default_rng(rows * columns).integers(0, 1 << bits, (rows, columns), kind)
    return FilmImage(pixels=noise, bits=bits, **attributes)


def triangle(x: np.ndarray) -> np.ndarray:
    """Linear interpolation between two pixels."""
    return np.clip(1 - np.abs(x), 0, None)


def cubic(x: np.ndarray) -> np.ndarray:
    """Cubic convolution with a = -0.5 (Keys 1981)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def lanczos(x: np.ndarray) -> np.ndarray:
    """Lanczos' window of three lobes."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def resampled(
    pixels: np.ndarray, rows: int, columns: int, kernel: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """``pixels`` at another size: each new pixel is a weighted mean of those that it covers."""
    down = _weights(pixels.shape[0], rows, kernel)
    across = _weights(pixels.shape[1], columns, kernel)
    return down @ pixels.astype(np.float64) @ across.T


def _weights(before: int, after: int, kernel: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale
    distances = centres[:, np.newaxis] - (np.arange(before) + 0.5)[np.newaxis, :]
    weights = kernel(distances / max(1.0, scale))
    return weights / weights.sum(axis=1, keepdims=True)
