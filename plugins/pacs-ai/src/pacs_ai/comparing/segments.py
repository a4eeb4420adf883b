"""Two segmentations of one series held against each other, segment by segment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from pacs_ai.comparing.reading import NotComparable
from pacs_ai.results.checking import SEGMENTATIONS
from pacs_framework.rendering.attributes import integer_of, items_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader

__all__ = ["Agreement", "agreements"]

Mask = NDArray[np.bool_]
Place = tuple[float, float, float]

_KINDS = frozenset({"BINARY", "LABELMAP"})
_BACKGROUND = 0
_TENTHS = 1  # of a millimetre: so exact are positions when frames are matched


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One kind of segment in both: millilitres, and the Dice coefficient, 1 for the same."""

    kind: str
    first_ml: float
    second_ml: float
    dice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segments:
    """Masks by kind of segment and by place of their frame; a frame without any is left out."""

    grid: tuple[object, ...]
    voxel_ml: float
    masks: dict[str, dict[Place, Mask]]


def agreements(first: Dataset, second: Dataset) -> list[Agreement]:
    """Of two segmentations or label maps; segments are matched by their property type.

    One that is missing in one of them has 0 ml there, and a Dice coefficient of 0.
    Raises `NotComparable`.
    """
    one, other = _segments(first), _segments(second)
    if one.grid != other.grid:
        raise NotComparable("the two segmentations are of different geometry")
    return [
        _agreement(kind, one.masks.get(kind, {}), other.masks.get(kind, {}), one.voxel_ml)
        for kind in sorted({*one.masks, *other.masks})
    ]


def _agreement(
    kind: str, one: dict[Place, Mask], other: dict[Place, Mask], voxel_ml: float
) -> Agreement:
    sizes = [sum(int(mask.sum()) for mask in masks.values()) for masks in (one, other)]
    both = sum(int((mask & other[place]).sum()) for place, mask in one.items() if place in other)
    total = sum(sizes)
    return Agreement(
        kind=kind,
        first_ml=round(sizes[0] * voxel_ml, 3),
        second_ml=round(sizes[1] * voxel_ml, 3),
        dice=round(2 * both / total, 6) if total else 1.0,
    )


def _segments(made: Dataset) -> _Segments:
    if text_of(made, "SOPClassUID") not in SEGMENTATIONS or (
        text_of(made, "SegmentationType") not in _KINDS
    ):
        raise NotComparable("what is compared are binary segmentations and label maps")
    kinds = {
        integer_of(item, "SegmentNumber"): text_of(
            items_of(item, "SegmentedPropertyTypeCodeSequence")[0], "CodeMeaning"
        )
        for item in items_of(made, "SegmentSequence")
        if integer_of(item, "SegmentNumber") != _BACKGROUND
    }
    masks: dict[str, dict[Place, Mask]] = {kind: {} for kind in kinds.values()}
    for number, place, mask in _masks(made):
        if number in kinds:
            there = masks[kinds[number]]
            # Several segments may be of one kind, as single nodules are.
            there[place] = there[place] | mask if place in there else mask
    return _Segments(grid=_grid(made), voxel_ml=_voxel_ml(made), masks=masks)


def _masks(made: Dataset) -> Iterator[tuple[int, Place, Mask]]:
    """Segment, place and mask, of each frame and of each segment in it."""
    pixels = made.pixel_array
    for number, values in enumerate(pixels if pixels.ndim == 3 else pixels[None], 1):
        frame = FrameHeader(made, number)
        x, y, z = numbers_of(frame.macro("PlanePositionSequence"), "ImagePositionPatient")
        place = round(x, _TENTHS), round(y, _TENTHS), round(z, _TENTHS)
        if text_of(made, "SegmentationType") == "BINARY":
            segment = frame.macro("SegmentIdentificationSequence")
            yield integer_of(segment, "ReferencedSegmentNumber"), place, values.astype(np.bool_)
            continue
        for label in np.unique(values):
            if label != _BACKGROUND:
                yield int(label), place, values == label


def _grid(made: Dataset) -> tuple[object, ...]:
    """What has to be the same, so that pixels of one place are those of the other."""
    frame = FrameHeader(made, 1)
    cosines = numbers_of(frame.macro("PlaneOrientationSequence"), "ImageOrientationPatient")
    spacing = numbers_of(frame.macro("PixelMeasuresSequence"), "PixelSpacing")
    return (
        text_of(made, "FrameOfReferenceUID"),
        integer_of(made, "Rows"),
        integer_of(made, "Columns"),
        tuple(round(each, 3) for each in cosines),
        tuple(round(each, 3) for each in spacing),
    )


def _voxel_ml(made: Dataset) -> float:
    measures = FrameHeader(made, 1).macro("PixelMeasuresSequence")
    spacing = numbers_of(measures, "PixelSpacing")
    between = numbers_of(measures, "SpacingBetweenSlices") or numbers_of(measures, "SliceThickness")
    if len(spacing) != 2 or not between:
        raise NotComparable("a segmentation does not say how large its voxels are")
    return spacing[0] * spacing[1] * between[0] / 1000
