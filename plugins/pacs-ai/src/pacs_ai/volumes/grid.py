"""Planes in order: sorted along their normal, and checked that they make a regular grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pacs_ai.errors import NoVolume
from pacs_ai.volumes.planes import Plane

__all__ = ["Grid", "grid_of"]

_SAME_DIRECTION = 1e-3
_SAME_SPACING = 1e-3
_LEAST_MM = 0.02  # positions are decimal strings, often rounded to hundredths
_PART = 0.01  # of the distance between slices


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Planes in the order of a volume's slices, and its affine (see `pacs_ai.api.Volume`)."""

    planes: tuple[Plane, ...]
    affine: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return len(self.planes), self.planes[0].rows, self.planes[0].columns

    @property
    def order_of_sources(self) -> list[int]:
        """The numbers of slices in the order of the images and frames that they are of."""
        return sorted(
            range(len(self.planes)), key=lambda k: (self.planes[k].source, self.planes[k].frame)
        )


def grid_of(planes: Sequence[Plane]) -> Grid:
    """The grid of ``planes``, whatever order they come in.

    Raises `NoVolume` for images of several sizes, spacings, orientations or frames of reference,
    two at one place, a gap, and slices that are shifted against each other, as with a tilted
    gantry: resampling is not done behind anybody's back.
    """
    if not planes:
        raise NoVolume("the series has no images")
    first = planes[0]
    _check_alike(planes)
    ordered = sorted(planes, key=lambda plane: float(plane.position @ first.normal))
    step = _step(ordered)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = first.down * first.spacing[0]
    affine[:3, 2] = first.across * first.spacing[1]
    affine[:3, 3] = ordered[0].position
    return Grid(planes=tuple(ordered), affine=affine)


def _check_alike(planes: Sequence[Plane]) -> None:
    first = planes[0]
    for plane in planes:
        if (plane.rows, plane.columns) != (first.rows, first.columns):
            raise NoVolume(
                f"images of {first.rows} × {first.columns} and of {plane.rows} × {plane.columns}"
            )
        if not np.allclose(plane.spacing, first.spacing, rtol=_SAME_SPACING):
            raise NoVolume(f"images of different Pixel Spacing, {first.spacing}, {plane.spacing}")
        turned = max(
            np.abs(plane.across - first.across).max(), np.abs(plane.down - first.down).max()
        )
        if turned > _SAME_DIRECTION:
            raise NoVolume("images of different orientation")
        if plane.frame_of_reference != first.frame_of_reference:
            raise NoVolume("images of different frames of reference")


def _step(ordered: Sequence[Plane]) -> NDArray[np.float64]:
    """From one slice to the next, in millimetres of the patient's coordinates."""
    first, normal = ordered[0], ordered[0].normal
    if len(ordered) == 1:
        if first.thickness <= 0:
            raise NoVolume("a single image without Slice Thickness")
        return normal * first.thickness
    along = np.array([plane.position @ normal for plane in ordered])
    distances = np.diff(along)
    usual = float(np.median(distances))
    allowed = max(_PART * usual, _LEAST_MM)
    if distances.min() < allowed:
        raise NoVolume(f"two images at one place, {along[distances.argmin()]:.2f} mm")
    wrong = int(np.abs(distances - usual).argmax())
    if abs(distances[wrong] - usual) > allowed:
        raise NoVolume(
            f"slices are {usual:.2f} mm apart, but {distances[wrong]:.2f} mm between slice "
            f"{wrong + 1} and {wrong + 2}: one is missing, or the series is of two parts"
        )
    whole: NDArray[np.float64] = ordered[-1].position - first.position
    _check_straight(ordered, whole / (len(ordered) - 1), normal, allowed)
    return normal * (float(whole @ normal) / (len(ordered) - 1))


def _check_straight(
    ordered: Sequence[Plane],
    step: NDArray[np.float64],
    normal: NDArray[np.float64],
    allowed: float,
) -> None:
    aside = step - normal * (step @ normal)
    drift = np.linalg.norm(aside) * (len(ordered) - 1)
    if np.linalg.norm(aside) > allowed or drift > min(ordered[0].spacing) / 2:
        angle = np.degrees(np.arctan2(np.linalg.norm(aside), abs(step @ normal)))
        raise NoVolume(
            f"each slice is shifted by {np.linalg.norm(aside):.2f} mm against the one before, as "
            f"with a gantry tilted by {angle:.1f}°"
        )
    expected = ordered[0].position + np.arange(len(ordered))[:, None] * step
    off = np.linalg.norm(expected - [plane.position for plane in ordered], axis=1)
    if off.max() > max(allowed, _LEAST_MM * 2):
        raise NoVolume(f"slice {int(off.argmax()) + 1} is {off.max():.2f} mm beside its place")
