"""Where frames lie in the patient (PS3.3 C.7.6.2.1.1), and one upon another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.samples import Array

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

    def upon(self, pixels: Array, other: Plane, band: range, columns: int) -> tuple[Array, Array]:
        """``pixels`` of this plane at the places of another one's, in a ``band`` of its rows, as
        floats, bilinear; and where there are any.
        """
        rows, places = np.mgrid[band.start : band.stop, 0:columns].astype(np.float64)
        offset = other.corner - self.corner
        across = self._steps(self.along_row, offset, other, rows, places)
        down = self._steps(self.along_column, offset, other, rows, places)
        height, width = pixels.shape[:2]
        half = 0.5  # a pixel reaches so far from its middle
        inside = (across >= -half) & (across < width - half)
        inside &= (down >= -half) & (down < height - half)
        return _between(pixels, np.clip(down, 0, height - 1), np.clip(across, 0, width - 1)), inside

    @staticmethod
    def _steps(axis: Array, offset: Array, other: Plane, rows: Array, columns: Array) -> Array:
        """How many steps along an axis each pixel of another plane lies from our corner."""
        unit = axis / np.dot(axis, axis)
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

    Raises `UnreadableInstance` where they cannot be compared: one of them is in another frame of
    reference, or they are oblique to each other.
    """
    for each in others:
        if each.frame_of_reference != plane.frame_of_reference:
            raise UnreadableInstance(
                "the images to blend are in different frames of reference, and are not registered"
            )
        if not plane.is_parallel(each):
            raise UnreadableInstance("the images to blend are oblique to each other")
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
