"""Where frames lie in the patient (PS3.3 C.7.6.2.1.1), and one upon another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.samples import Array
from pacs_framework.rendering.volumes.volume import Grid

__all__ = ["Plane", "nearest_plane", "plane_of"]

_PARALLEL = 0.9999  # of the normals: less than a degree apart
_TOLERANCE = 0.01  # millimetres, where nobody says how thick a slice is


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Plane:
    """A frame in the space of ``frame_of_reference``, in millimetres.

    ``corner`` is the middle of the first pixel, ``along_row`` and ``along_column`` lead to the next
    one of its row and of its column. ``thickness`` is that of the slice, or the way to the next.
    """

    frame_of_reference: str
    corner: Array
    along_row: Array
    along_column: Array
    thickness: float

    @property
    def normal(self) -> Array:
        """Of length 1."""
        across: Array = np.cross(self.along_row, self.along_column)
        unit: Array = across / np.linalg.norm(across)
        return unit

    def distance(self, other: Plane) -> float:
        """From this plane to the corner of another one."""
        return abs(float(np.dot(other.corner - self.corner, self.normal)))

    def is_parallel(self, other: Plane) -> bool:
        """Whether both look the same way, or the opposite one."""
        return abs(float(np.dot(self.normal, other.normal))) >= _PARALLEL

    def grid(self, band: range, columns: int) -> Grid:
        """The middles of the pixels of a ``band`` of its lines."""
        return Grid(
            corner=self.corner + band.start * self.along_column,
            right=self.along_row,
            down=self.along_column,
            width=columns,
            height=len(band),
        )

    def moved(self, matrix: Array, frame_of_reference: str) -> Plane:
        """Where it lies in another space, by a matrix of 4 × 4 that leads there."""
        turning = matrix[:3, :3]
        before = turning @ self.normal
        row, column = turning @ self.along_row, turning @ self.along_column
        made = Plane(
            frame_of_reference=frame_of_reference,
            corner=turning @ self.corner + matrix[:3, 3],
            along_row=row,
            along_column=column,
            thickness=self.thickness,
        )
        thickness = self.thickness * abs(float(np.dot(before, made.normal)))
        return replace(made, thickness=thickness)

    def upon(self, pixels: Array, other: Plane, band: range, columns: int) -> tuple[Array, Array]:
        """``pixels`` of this plane at the places of another one's, in a ``band`` of its rows, as
        floats, bilinear; and where there are any.
        """
        rows, places = np.mgrid[band.start : band.stop, 0:columns].astype(np.float64)
        offset = other.corner - self.corner
        to_steps = self._to_steps()
        across = self._steps(to_steps[0], offset, other, rows, places)
        down = self._steps(to_steps[1], offset, other, rows, places)
        height, width = pixels.shape[:2]
        half = 0.5  # a pixel reaches so far from its middle
        inside = (across >= -half) & (across < width - half)
        inside &= (down >= -half) & (down < height - half)
        return _between(pixels, np.clip(down, 0, height - 1), np.clip(across, 0, width - 1)), inside

    def _to_steps(self) -> Array:
        """What makes of a way in millimetres the steps along rows and columns, sheared or not."""
        try:
            axes = np.stack((self.along_row, self.along_column, self.normal), axis=1)
            made: Array = np.linalg.inv(axes)
        except np.linalg.LinAlgError:
            raise UnreadableInstance("an image to blend lies in no plane") from None
        return made

    @staticmethod
    def _steps(unit: Array, offset: Array, other: Plane, rows: Array, columns: Array) -> Array:
        """How many steps along an axis each pixel of another plane lies from our corner."""
        found: Array = (
            np.dot(offset, unit)
            + columns * np.dot(other.along_row, unit)
            + rows * np.dot(other.along_column, unit)
        )
        return found


def plane_of(header: FrameHeader) -> Plane:
    """The plane of a frame. Raises `UnreadableInstance` where the header does not tell it."""
    position = numbers_of(header.macro("PlanePositionSequence"), "ImagePositionPatient")
    axes = numbers_of(header.macro("PlaneOrientationSequence"), "ImageOrientationPatient")
    measures = header.macro("PixelMeasuresSequence")
    spacing = numbers_of(measures, "PixelSpacing")
    reference = text_of(header.root, "FrameOfReferenceUID")
    if len(position) != 3 or len(axes) != 6 or len(spacing) != 2 or not reference:
        raise UnreadableInstance("an image to blend does not say where it lies in the patient")
    row, column = np.array(axes[:3]), np.array(axes[3:])
    if min(spacing) <= 0 or float(np.linalg.norm(np.cross(row, column))) <= 0:
        raise UnreadableInstance("an image to blend lies in no plane, or its pixels have no size")
    between = numbers_of(measures, "SpacingBetweenSlices") or numbers_of(measures, "SliceThickness")
    return Plane(
        frame_of_reference=reference,
        corner=np.array(position),
        along_row=row * spacing[1],
        along_column=column * spacing[0],
        thickness=abs(between[0]) if between else 0.0,
    )


def nearest_plane(plane: Plane, others: Sequence[Plane]) -> int | None:
    """Which of ``others`` lies in a plane: its place; None where none does.

    All have to be parallel to it, and in its frame of reference.
    """
    distances = [plane.distance(each) for each in others]
    if not distances:
        return None
    place = int(np.argmin(distances))
    reach = max(others[place].thickness / 2, _TOLERANCE)
    return place if distances[place] <= reach else None


def _between(pixels: Array, down: Array, across: Array) -> Array:
    top, left = np.floor(down).astype(np.int64), np.floor(across).astype(np.int64)
    bottom = np.minimum(top + 1, pixels.shape[0] - 1)
    right = np.minimum(left + 1, pixels.shape[1] - 1)
    lower, righter = (down - top)[..., np.newaxis], (across - left)[..., np.newaxis]
    above = pixels[top, left] * (1 - righter) + pixels[top, right] * righter
    below = pixels[bottom, left] * (1 - righter) + pixels[bottom, right] * righter
    made: Array = above * (1 - lower) + below * lower
    return made
