"""What a model says in codes and numbers; a part of `pacs_ai.api`, and as free of the archive."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

__all__ = ["Code", "Finding", "Measurement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coded concept (PS3.3 8.8): value, designator of its scheme, meaning. Units are UCUM."""

    value: str
    scheme: str
    meaning: str

    def __post_init__(self) -> None:
        if not (self.value and self.scheme and self.meaning):
            raise ValueError(f"a code has a value, a scheme and a meaning, not {self!r}")
        if max(len(self.value), len(self.scheme)) > 16 or len(self.meaning) > 64:
            raise ValueError(f"{self!r} is too long: 16, 16 and 64 characters (PS3.5 6.2)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A number with its unit; ``derivation`` says what it is of many values, as Mean."""

    name: Code
    value: float
    unit: Code
    derivation: Code | None = None

    def __post_init__(self) -> None:
        if not isfinite(self.value):
            raise ValueError(f"the measurement {self.name.meaning!r} is {self.value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A group of measurements (PS3.16 TID 1501), of a segment where ``segment`` is its label.

    ``evaluations`` are pairs of concept and value, such as a grade.
    """

    label: str
    kind: Code
    measurements: tuple[Measurement, ...] = ()
    evaluations: tuple[tuple[Code, Code], ...] = ()
    site: Code | None = None
    segment: str = ""

    def __post_init__(self) -> None:
        if not self.label or not (self.measurements or self.evaluations):
            raise ValueError(f"the finding {self.label!r} has a label and something to say")
