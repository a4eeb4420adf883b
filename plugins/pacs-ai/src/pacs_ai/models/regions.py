"""Body and lungs in a CT volume, by thresholds and connected components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from pacs_ai.api import Volume

__all__ = ["body_mask", "lung_masks"]

Mask = NDArray[np.bool_]

_SKIN_HU = -300.0
_AIR_HU = -400.0
_LEAST_BODY_ML = 50.0
_LEAST_LUNG_ML = 50.0
_LARGE_PART = 0.2  # of the largest lung: the other one, where it is separate
_CLOSING_MM = 5.0


def body_mask(volume: Volume) -> Mask:
    """The largest thing that is denser than air, with all that it encloses slice by slice.

    A table that does not touch it is left out; empty where there is nothing of 50 ml.
    """
    filled = _filled(volume.voxels > _SKIN_HU)
    # Opened in the plane, so that a thin contact does not bring the table along; filled before, so
    # that a thin wall stays.
    opened = ndimage.binary_opening(filled, _disc(volume, _CLOSING_MM / 2))
    return _largest(opened, _LEAST_BODY_ML / volume.voxel_ml)


def lung_masks(volume: Volume, body: Mask) -> list[tuple[str, Mask]]:
    """``left`` and ``right`` lung, or ``both`` where they cannot be told apart.

    Air within the body that does not reach its surface, in the largest parts: bowel and airways
    beside them are smaller. Sides are the patient's, by the geometry; none without 50 ml of air.
    """
    air = (volume.voxels < _AIR_HU) & body
    labels, count = ndimage.label(air)
    if not count:
        return []
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    order = np.argsort(sizes)[::-1][:2]
    least = max(_LEAST_LUNG_ML / volume.voxel_ml, _LARGE_PART * sizes[order[0]])
    parts = [labels == label for label in order if sizes[label] >= least]
    closed = [_closed(volume, part, body) for part in parts]
    if len(closed) != 2:
        return [("both", part) for part in closed]
    closed[1] &= ~closed[0]
    sides = [_left(volume, part) for part in closed]
    names = ("left", "right") if sides[0] > sides[1] else ("right", "left")
    return sorted(zip(names, closed, strict=True), key=lambda pair: pair[0])


def _left(volume: Volume, mask: Mask) -> float:
    """How far to the patient's left its centre lies, in millimetres."""
    centre = np.array([*ndimage.center_of_mass(mask), 1.0])
    return float((volume.affine @ centre)[0])


def _largest(mask: Mask, least: float) -> Mask:
    labels, count = ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: Mask = labels == sizes.argmax()
    return largest if sizes.max() >= least else np.zeros_like(mask)


def _closed(volume: Volume, part: Mask, body: Mask) -> Mask:
    """Vessels belong to a lung: closed in the plane, and filled."""
    closed = ndimage.binary_closing(part, _disc(volume, _CLOSING_MM))
    return _filled(closed | part) & body


def _filled(mask: Mask) -> Mask:
    """With what it encloses in each slice."""
    return np.stack([ndimage.binary_fill_holes(slice_) for slice_ in mask])


def _disc(volume: Volume, millimetres: float) -> NDArray[Any]:
    """A disc in the plane of the slices, of at least one pixel each way."""
    _, between_rows, between_columns = volume.spacing
    rows = max(round(millimetres / between_rows), 1)
    columns = max(round(millimetres / between_columns), 1)
    y, x = np.mgrid[-rows : rows + 1, -columns : columns + 1]
    disc: NDArray[Any] = ((y / rows) ** 2 + (x / columns) ** 2 <= 1)[None]
    return disc
