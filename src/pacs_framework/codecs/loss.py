"""How much may be lost where pixels are compressed with loss.

The standard leaves it to whoever compresses (PS3.5 8.2.1, 8.2.4): nothing here chooses for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Loss", "Measure"]

_BEST = 100
_LARGEST_ERROR = 255  # ISO/IEC 14495-1 C.2.3: NEAR is one byte


class Measure(StrEnum):
    """What a loss is measured in."""

    QUALITY = "quality"
    """From 1 to 100, more is better, on the scale of the compression: that of libjpeg for JPEG and
    JPEG XL; for JPEG 2000 and HTJ2K the peak signal-to-noise ratio in dB.
    """
    RATIO = "ratio"
    """Bytes of a native frame over those of the compressed one, at least."""
    NEAR = "near"
    """The largest difference between a sample and what becomes of it."""


@dataclass(frozen=True, slots=True)
class Loss:
    """So much may be lost. Raises ValueError for what is no such amount."""

    measure: Measure
    amount: float

    def __post_init__(self) -> None:
        if self.measure is Measure.QUALITY and not 1 <= self.amount <= _BEST:
            raise ValueError(f"a quality is from 1 to {_BEST}, not {self.amount:g}")
        if self.measure is Measure.RATIO and not 1 < self.amount < float("inf"):
            raise ValueError(f"a ratio is more than 1, not {self.amount:g}")
        if self.measure is Measure.NEAR and self.amount not in range(1, _LARGEST_ERROR + 1):
            raise ValueError(
                f"the largest difference of a sample is from 1 to {_LARGEST_ERROR}, not "
                f"{self.amount:g}"
            )

    def __str__(self) -> str:
        return f"{self.measure} {self.amount:g}"
