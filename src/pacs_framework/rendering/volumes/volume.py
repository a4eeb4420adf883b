"""A volume in the patient: parallel slices of stored values, and what they measure anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from pacs_framework.rendering.samples import Array

__all__ = ["Grid", "Volume"]

_EDGE = 0.5  # a voxel reaches so far from its middle, in steps to the next
_THINNEST = 0.01  # millimetres from a lone slice of no thickness that are still in it
_EVEN = 1e-4  # of a step: distances that differ by less are equal


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Grid:
    """Points in the patient, in millimetres: ``width`` of them along ``right``, ``height`` lines.

    ``corner`` is the first one; ``right`` and ``down`` lead to the next one and to the next line.
    """

    corner: Array
    right: Array
    down: Array
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Volume:
    """Slices in the order of their ``heights``, which are steps along ``along_height``, up from 0.

    ``voxels`` are stored values as (slice, row, column); ``slopes`` and ``intercepts`` make of
    those of a slice what they measure: each slice of a PET image has its own. ``corner`` is the
    middle of the first voxel, the three axes lead to the next column, the next row, and a
    millimetre on through the slices; all in millimetres of ``frame_of_reference``. ``thickness`` is
    that of a slice where there is but one.
    """

    frame_of_reference: str
    voxels: Array
    slopes: Array
    intercepts: Array
    corner: Array
    along_row: Array
    along_column: Array
    along_height: Array
    heights: Array
    thickness: float
    _to_index: Array = field(init=False)

    def __post_init__(self) -> None:
        axes = np.stack((self.along_row, self.along_column, self.along_height), axis=1)
        object.__setattr__(self, "_to_index", np.linalg.inv(axes))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        slices, rows, columns = self.voxels.shape
        return slices, rows, columns

    @property
    def spacing(self) -> float:
        """The smallest way from a voxel to the next one, in millimetres."""
        ways = [float(np.linalg.norm(each)) for each in (self.along_row, self.along_column)]
        if len(self.heights) > 1:
            step = float(np.diff(self.heights).min())
            ways.append(step * float(np.linalg.norm(self.along_height)))
        return min(ways)

    @property
    def centre(self) -> Array:
        """The middle of it."""
        middle: Array = self.corners.mean(axis=0)
        return middle

    @property
    def corners(self) -> Array:
        """The eight middles of its outermost voxels, as (8, 3)."""
        _, rows, columns = self.shape
        found: Array = np.array(
            [
                self.corner
                + column * self.along_row
                + row * self.along_column
                + height * self.along_height
                for height in (self.heights[0], self.heights[-1])
                for row in (0, rows - 1)
                for column in (0, columns - 1)
            ]
        )
        return found

    def moved(self, matrix: Array, frame_of_reference: str) -> Volume:
        """Where it lies in another space, by a matrix of 4 × 4 that leads there."""
        turning = matrix[:3, :3]
        return replace(
            self,
            frame_of_reference=frame_of_reference,
            corner=turning @ self.corner + matrix[:3, 3],
            along_row=turning @ self.along_row,
            along_column=turning @ self.along_column,
            along_height=turning @ self.along_height,
        )

    def extremes(self) -> tuple[float, float]:
        """The lowest and the highest value that is measured."""
        ends = [
            bound * slope + intercept
            for each, slope, intercept in zip(
                self.voxels, self.slopes, self.intercepts, strict=True
            )
            for bound in (float(each.min()), float(each.max()))
        ]
        return min(ends), max(ends)

    def values_on(self, grid: Grid) -> tuple[Array, Array]:
        """What is measured at the points of a grid, trilinear; and whether that is inside at all.

        Outside, values mean nothing. Beyond the middles of the outermost voxels, as far as these
        reach, the last value is given.
        """
        column, row, height = self._places(grid)
        slice_, inside = self._slice_at(height)
        _, rows, columns = self.shape
        inside &= (column >= -_EDGE) & (column < columns - _EDGE)
        inside &= (row >= -_EDGE) & (row < rows - _EDGE)
        values = np.zeros(inside.shape, np.float32)
        if inside.any():
            values[inside] = self._between(slice_[inside], row[inside], column[inside])
        return values, inside

    def _places(self, grid: Grid) -> tuple[Array, Array, Array]:
        """The points of a grid in steps along the three axes."""
        first = self._to_index @ (grid.corner - self.corner)
        right, down = self._to_index @ grid.right, self._to_index @ grid.down
        lines = np.arange(grid.height, dtype=np.float32)[:, np.newaxis]
        columns = np.arange(grid.width, dtype=np.float32)
        made = [
            (lines * np.float32(down[axis]) + np.float32(first[axis]))
            + columns * np.float32(right[axis])
            for axis in range(3)
        ]
        return made[0], made[1], made[2]

    def _slice_at(self, height: Array) -> tuple[Array, Array]:
        """Numbers of slices, between which there are shares, and which lie inside."""
        heights = self.heights
        if len(heights) == 1:
            within = np.abs(height) <= max(self.thickness / 2, _THINNEST)
            return np.zeros_like(height), within
        steps = np.diff(heights)
        inside = height >= np.float32(heights[0] - steps[0] * _EDGE)
        inside &= height < np.float32(heights[-1] + steps[-1] * _EDGE)
        if float(np.ptp(steps)) < _EVEN * float(steps[0]):
            return height / np.float32(steps.mean()), inside
        found = np.interp(height, heights, np.arange(len(heights)))
        return found.astype(np.float32), inside

    def _between(self, slice_: Array, row: Array, column: Array) -> Array:
        """The values at places that are all inside: eight voxels around each, and their shares."""
        (below, above, up), (top, bottom, down), (left, right, across) = (
            _neighbours(place, count)
            for place, count in zip((slice_, row, column), self.shape, strict=True)
        )
        flat, size, wide = self.voxels.reshape(-1), self.shape[1] * self.shape[2], self.shape[2]

        def of_slice(number: Array) -> Array:
            lines = number * size + top * wide, number * size + bottom * wide
            upper, lower = (
                _mixed(flat.take(line + left), flat.take(line + right), across) for line in lines
            )
            return self._measured(_mixed(upper, lower, down), number)

        return _mixed(of_slice(below), of_slice(above), up)

    def _measured(self, values: Array, number: Array) -> Array:
        for each, by in ((self.slopes, np.multiply), (self.intercepts, np.add)):
            one = each[0] if (each == each[0]).all() else None
            values = by(values, np.float32(one) if one is not None else each.take(number))
        return values


def _neighbours(place: Array, count: int) -> tuple[Array, Array, Array]:
    """The steps below and above each place, within the edges, and the share of the upper one."""
    place = np.clip(place, 0, count - 1)
    lower = place.astype(np.int64)
    return lower, np.minimum(lower + 1, count - 1), place - lower


def _mixed(one: Array, other: Array, share: Array) -> Array:
    found: Array = one.astype(np.float32)
    found += share.astype(np.float32) * (other - found)
    return found
