"""Values of interest: windows and VOI LUTs (PS3.3 C.11.2), from a value to a share of white.

Each transform gives 0.0 for the lowest and 1.0 for the highest output, which is the formula of the
standard with an output range from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from pacs_framework.errors import InstanceError, UnreadableInstance
from pacs_framework.rendering.attributes import items_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.lookup import LookupTable, lookup_table
from pacs_framework.rendering.samples import Array

__all__ = ["NoSuchVoi", "Span", "VoiFunction", "VoiTable", "VoiTransform", "Window", "voi_of"]

_STEEPEST = 60.0  # exp of it is beyond what a float can tell from the asymptote


class NoSuchVoi(InstanceError):
    """A VOI transform was asked for that the header has not."""


class VoiFunction(Enum):
    """VOI LUT Function (0028,1056)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


class VoiTransform(Protocol):
    """From modality values to shares of white."""

    def shares(self, values: Array) -> Array:
        """0.0 to 1.0 for each value."""

    @property
    def in_words(self) -> str:
        """For tables and logs."""


@dataclass(frozen=True, slots=True)
class Window:
    """``center`` and ``width`` in the units of modality values. Raises ValueError for no width."""

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR

    def __post_init__(self) -> None:
        if not (math.isfinite(self.center) and math.isfinite(self.width)):
            raise ValueError("center and width of a window have to be numbers")
        # LINEAR takes a width of 1 (C.11.2.1.2.1), the others everything above 0 (C.11.2.1.3).
        linear = self.function is VoiFunction.LINEAR
        if self.width < 1 if linear else self.width <= 0:
            raise ValueError(
                f"the width of a {self.function.value} window is {self.width:g}; it has to be "
                f"{'at least 1' if linear else 'above 0'}"
            )

    @property
    def in_words(self) -> str:
        """Center / width and function."""
        return f"window {self.center:g}/{self.width:g} {self.function.value}"

    def shares(self, values: Array) -> Array:
        """As `VoiTransform.shares`."""
        values = values.astype(np.float64)
        match self.function:
            case VoiFunction.SIGMOID:
                steps = -4 * (values - self.center) / self.width
                made: Array = 1 / (1 + np.exp(np.clip(steps, -_STEEPEST, _STEEPEST)))
                return made
            case VoiFunction.LINEAR_EXACT:
                return _ramp(values, self.center, self.width)
            case VoiFunction.LINEAR:
                return _ramp(values, self.center - 0.5, self.width - 1)


def _ramp(values: Array, center: float, width: float) -> Array:
    """0 up to the lower edge, 1 above the upper edge, a straight line between them."""
    if width == 0:
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class VoiTable:
    """An item of VOI LUT Sequence (0028,3010)."""

    table: LookupTable
    number: int

    @property
    def in_words(self) -> str:
        """Its number among the items."""
        return f"VOI LUT {self.number}"

    def shares(self, values: Array) -> Array:
        """As `VoiTransform.shares`."""
        return self.table(values) / self.table.most


@dataclass(frozen=True, slots=True)
class Span:
    """All values from ``low`` to ``high``: where nobody says what is of interest."""

    low: float
    high: float

    @property
    def in_words(self) -> str:
        """From … to …."""
        return f"span {self.low:g} to {self.high:g}"

    def shares(self, values: Array) -> Array:
        """As `VoiTransform.shares`; black where there is but one value."""
        width = self.high - self.low
        if width <= 0:
            return np.zeros(values.shape)
        return np.clip((values - float(self.low)) / width, 0.0, 1.0)


def voi_of(header: FrameHeader, *, signed: bool, number: int | None = None) -> VoiTransform | None:
    """The VOI transform of a frame: item ``number`` from 1 on, LUTs first, then windows.

    Without a number, the first that is usable, or None: a window of no width is in many files.
    Raises `NoSuchVoi`, and `UnreadableInstance` for what was asked for and is not usable.
    """
    item = header.macro("FrameVOILUTSequence")
    tables = items_of(item, "VOILUTSequence") or items_of(header.root, "VOILUTSequence")
    centers, widths = numbers_of(item, "WindowCenter"), numbers_of(item, "WindowWidth")
    windows = list(zip(centers, widths, strict=False))
    if number is None:
        if tables:
            return VoiTable(lookup_table(tables[0], signed=signed), 1)
        function = _function(text_of(item, "VOILUTFunction")) if windows else VoiFunction.LINEAR
        return next(_usable(windows, function), None)
    if not 1 <= number <= len(tables) + len(windows):
        raise NoSuchVoi(_missing(number, tables, windows))
    if number <= len(tables):
        return VoiTable(lookup_table(tables[number - 1], signed=signed), number)
    try:
        center, width = windows[number - len(tables) - 1]
        return Window(center, width, _function(text_of(item, "VOILUTFunction")))
    except ValueError as error:
        raise UnreadableInstance(str(error)) from None


def _usable(windows: Sequence[tuple[float, float]], function: VoiFunction) -> Iterator[Window]:
    for center, width in windows:
        try:
            yield Window(center, width, function)
        except ValueError:
            continue


def _function(name: str) -> VoiFunction:
    try:
        return VoiFunction(name.upper() or "LINEAR")
    except ValueError:
        raise UnreadableInstance(
            f"VOI LUT Function is {name[:16]!r}, not LINEAR, LINEAR_EXACT or SIGMOID"
        ) from None


def _missing(number: int, tables: Sequence[object], windows: Sequence[object]) -> str:
    return (
        f"there is no VOI transform {number}: the header has {len(tables)} LUTs and "
        f"{len(windows)} windows"
    )
