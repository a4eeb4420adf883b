"""Frames stacked to a volume, as they come (PS3.3 C.11.23.1: what makes a volume)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pacs_framework.errors import InstanceError, UnreadableInstance
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.modality import Rescale, Transform, modality_transform
from pacs_framework.rendering.presentation.planes import Plane, plane_of
from pacs_framework.rendering.samples import Array, cells_of, values_of
from pacs_framework.rendering.volumes.volume import Volume

__all__ = ["TooLarge", "assembled", "modality_of_image"]

_ALIGNED = 0.5  # of a pixel: so far may a slice be beside the line of the others
_PARALLEL = 1e-3  # of the axes, each in steps of a pixel
_SMALLEST, _LARGEST, _FARTHEST = 1e-4, 1e3, 1e4  # millimetres
_STEEPEST = 1e15  # of slope and intercept: far beyond what is measured, and well within a float
_APART = 1e-3  # millimetres: nearer slices are in one place

Modality = Callable[[FrameHeader, StoredFrame], Transform | None]
"""What makes of the stored values of a frame what they measure."""


class TooLarge(InstanceError):
    """A volume has more voxels than there is room for."""


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    plane: Plane
    values: Array
    slope: float
    intercept: float


def modality_of_image(header: FrameHeader, frame: StoredFrame) -> Transform | None:
    """What the image says itself."""
    return modality_transform(header, signed=frame.layout.signed)


def assembled(
    frames: Iterable[tuple[FrameHeader, StoredFrame]],
    most: int,
    modality: Modality = modality_of_image,
) -> Volume:
    """The volume that ``frames`` make in whatever order, of at most ``most`` voxels.

    Slices may lie at any distances, but in a row, parallel, and each in a place of its own. Raises
    `TooLarge` as soon as there are more, and `UnreadableInstance` for what is no volume.
    """
    found: list[_Slice] = []
    room = most
    for header, frame in frames:
        room -= frame.layout.rows * frame.layout.columns
        if room < 0:
            raise TooLarge(f"a volume of more than {most} voxels is not rendered")
        found.append(_slice(header, frame, modality))
        if found[-1].values.shape != found[0].values.shape:
            raise UnreadableInstance("the images are of several sizes, and make no volume")
    if not found:
        raise UnreadableInstance("there are no frames to make a volume of")
    return _stacked(found)


def _slice(header: FrameHeader, frame: StoredFrame, modality: Modality) -> _Slice:
    layout = frame.layout
    if layout.photometric_interpretation != "MONOCHROME2":
        raise UnreadableInstance(
            "volumes are of MONOCHROME2 images, and one is in "
            f"{layout.photometric_interpretation[:16]!r}"
        )
    values = values_of(cells_of(frame), layout)
    transform = modality(header, frame)
    if isinstance(transform, Rescale):
        if max(abs(transform.slope), abs(transform.intercept)) > _STEEPEST:
            raise UnreadableInstance("the images are rescaled to what is measured nowhere")
        return _Slice(plane_of(header), values, transform.slope, transform.intercept)
    if transform is not None:
        values = transform(values)
    return _Slice(plane_of(header), values, 1.0, 0.0)


def _stacked(found: list[_Slice]) -> Volume:
    first = found[0].plane
    _check_pixels(first)
    for each in found:
        _check_parallel(each.plane, first)
    normal = first.normal
    found.sort(key=lambda each: float(np.dot(each.plane.corner, normal)))
    lowest, highest = found[0].plane, found[-1].plane
    heights = np.array([np.dot(each.plane.corner - lowest.corner, normal) for each in found])
    if heights[-1] > _FARTHEST:
        raise UnreadableInstance("the images are farther apart than a patient is large")
    if len(found) > 1 and float(np.diff(heights).min()) < _APART:
        raise UnreadableInstance(
            "several frames lie in one place: name those of one volume by volumeinputreference"
        )
    along = normal
    if len(found) > 1:  # slices of a tilted gantry lie one above the other on an oblique line
        along = (highest.corner - lowest.corner) / heights[-1]
    _check_aligned(found, heights, along)
    slopes, intercepts = ([getattr(each, of) for each in found] for of in ("slope", "intercept"))
    return Volume(
        frame_of_reference=first.frame_of_reference,
        voxels=_voxels(found),
        slopes=np.array(slopes, np.float32),
        intercepts=np.array(intercepts, np.float32),
        corner=lowest.corner,
        along_row=first.along_row,
        along_column=first.along_column,
        along_height=along,
        heights=heights,
        thickness=first.thickness,
    )


def _check_pixels(plane: Plane) -> None:
    """What is computed with them has to stay a number."""
    row, column = plane.along_row, plane.along_column
    sizes = [float(np.abs(each).max()) for each in (row, column)]
    if not (min(sizes) > _SMALLEST and max(sizes) < _LARGEST):
        raise UnreadableInstance("the pixels are not of a size that something in a patient has")
    if abs(float(np.dot(row, column))) > _PARALLEL * sizes[0] * sizes[1]:
        raise UnreadableInstance("the rows and columns of the images are not at right angles")


def _voxels(found: list[_Slice]) -> Array:
    """All in one array; ``found`` is emptied meanwhile, so that they are not in memory twice."""
    kind = np.result_type(*{each.values.dtype for each in found})
    voxels = np.empty((len(found), *found[0].values.shape), kind)
    for number in range(len(found) - 1, -1, -1):
        voxels[number] = found.pop().values
    return voxels


def _check_parallel(plane: Plane, first: Plane) -> None:
    if plane.frame_of_reference != first.frame_of_reference:
        raise UnreadableInstance("the images are in several frames of reference")
    scale = float(np.linalg.norm(first.along_row))
    for own, other in (
        (plane.along_row, first.along_row),
        (plane.along_column, first.along_column),
    ):
        if float(np.abs(own - other).max()) > _PARALLEL * scale:
            raise UnreadableInstance(
                "the images are not parallel, or their pixels of several sizes: name those of one "
                "volume by volumeinputreference"
            )


def _check_aligned(found: list[_Slice], heights: Array, along: Array) -> None:
    corner = found[0].plane.corner
    beside = min(
        float(np.linalg.norm(axis))
        for axis in (found[0].plane.along_row, found[0].plane.along_column)
    )
    for each, height in zip(found, heights, strict=True):
        if float(np.linalg.norm(each.plane.corner - corner - height * along)) > _ALIGNED * beside:
            raise UnreadableInstance("the images do not lie in a row, and make no volume")
