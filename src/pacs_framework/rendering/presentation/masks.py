"""Subtraction of masks, as presentation states have it (PS3.4 N.2.1.1, N.2.5).

What is subtracted are values after the Modality LUT, or after the Pixel Intensity Relationship LUT
of an XA/XRF state. A frame that no item is for, or whose mask would lie outside of the image, is
shown as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import integer_of, items_of, numbers_of, text_of
from pacs_framework.rendering.presentation.polygons import inside_polygon
from pacs_framework.rendering.presentation.references import SeenFrame, items_for
from pacs_framework.rendering.samples import Array

__all__ = ["Subtraction", "in_ranges", "subtraction_of"]

_NATIVE = 100.0  # percent of a mask that is seen, where nothing is subtracted (C.8.19.7.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How a mask is moved before it is subtracted, by ``rows`` and ``columns``, where ``vertices``
    are around; everywhere without any.
    """

    rows: float
    columns: float
    vertices: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtraction:
    """``contrast`` frames are averaged, and the average of the ``mask`` frames is subtracted from
    them: ``share`` of it, from 0.0 to 1.0. Of several ``shifts`` the last counts.
    """

    contrast: tuple[int, ...]
    mask: tuple[int, ...]
    share: float
    shifts: tuple[Shift, ...] = ()

    def subtract(self, contrast: Array, mask: Array) -> Array:
        """The difference of two averages, as floats of both signs. Raises `UnreadableInstance`."""
        moved = mask
        for shift in self.shifts:
            everywhere = _shifted(mask, shift)
            if shift.vertices:
                shape = (mask.shape[0], mask.shape[1])
                inside = inside_polygon(shift.vertices, shape, "a pixel shift")
                everywhere = np.where(inside, everywhere, moved)
            moved = everywhere
        return contrast - self.share * moved


def subtraction_of(state: Dataset, frame: SeenFrame, count: int) -> Subtraction | None:
    """What a state subtracts from a frame of an image with ``count`` frames; None for nothing.

    Raises `UnreadableInstance`.
    """
    share = _share(state, frame)
    if not share:
        return None
    items = items_for(state, "MaskSubtractionSequence", frame)
    found = next((each for each in items if _is_in(each, frame)), None)
    if found is None:
        return None
    contrast = range(frame.number, frame.number + _averaged(found))
    mask = _mask_frames(found, frame.number)
    if not _all_within((*contrast, *mask), count):
        return None
    shifts = tuple(_shifts(found, frame.number))
    return Subtraction(contrast=tuple(contrast), mask=mask, share=share, shifts=shifts)


def in_ranges(pairs: tuple[float, ...], number: int) -> bool:
    """Whether a frame is in one of the ranges, each of a first and a last number."""
    return any(low <= number <= high for low, high in zip(pairs[::2], pairs[1::2], strict=False))


def _is_in(item: Dataset, frame: SeenFrame) -> bool:
    pairs = numbers_of(item, "ApplicableFrameRange")
    return not pairs or in_ranges(pairs, frame.number)


def _averaged(item: Dataset) -> int:
    number = integer_of(item, "ContrastFrameAveraging", default=1)
    if number < 1:
        raise UnreadableInstance(f"Contrast Frame Averaging is {number}, not 1 or more")
    return number


def _mask_frames(item: Dataset, number: int) -> tuple[int, ...]:
    """The frames of the mask for frame ``number`` (C.7.6.10.1.1)."""
    operation = text_of(item, "MaskOperation")
    if operation == "AVG_SUB":
        frames = tuple(int(each) for each in numbers_of(item, "MaskFrameNumbers"))
        if not frames:
            raise UnreadableInstance("Mask Operation is AVG_SUB, and no frames are named")
        return frames
    offset = integer_of(item, "TIDOffset", default=1)
    if operation == "TID":
        return (number - offset,)
    pairs = numbers_of(item, "ApplicableFrameRange")
    if operation == "REV_TID" and pairs:
        first = int(pairs[0])
        return ((first - offset) - (number - first),)
    raise UnreadableInstance(f"Mask Operation is {operation[:16]!r}, or says not of which frames")


def _all_within(frames: tuple[int, ...], count: int) -> bool:
    return min(frames) >= 1 and max(frames) <= count


def _share(state: Dataset, frame: SeenFrame) -> float:
    """How much of the mask is subtracted: by Recommended Viewing Mode, and in XA/XRF states by
    Mask Visibility Percentage, for ranges of frames.
    """
    for item in items_for(state, "MultiFramePresentationSequence", frame):
        for display in items_of(item, "FrameDisplaySequence"):
            trim = (*numbers_of(display, "StartTrim"), *numbers_of(display, "StopTrim"))
            if in_ranges(trim, frame.number):
                return _share_of(display)
    return _share_of(state)


def _share_of(display: Dataset) -> float:
    if text_of(display, "RecommendedViewingMode") == "NAT":
        return 0.0
    visible = (*numbers_of(display, "MaskVisibilityPercentage"), 0.0)[0]
    return 1 - min(max(visible, 0.0), _NATIVE) / _NATIVE


def _shifts(item: Dataset, number: int) -> Iterator[Shift]:
    """That of the whole mask, and those of its regions for a frame (C.11.19.1.2)."""
    if shift := numbers_of(item, "MaskSubPixelShift"):
        yield _shift(shift)
    for several in items_of(item, "PixelShiftSequence"):
        pairs = numbers_of(several, "PixelShiftFrameRange")
        if pairs and not in_ranges(pairs, number):
            continue
        for region in items_of(several, "RegionPixelShiftSequence"):
            vertices = numbers_of(region, "VerticesOfTheRegion")
            yield _shift(numbers_of(region, "MaskSubPixelShift"), _corners(vertices))


def _corners(vertices: tuple[float, ...]) -> tuple[float, ...]:
    """A polygon; of two vertices alone, the rectangle between them."""
    if len(vertices) != 4:
        return vertices
    top, left, bottom, right = vertices
    return top, left, top, right, bottom, right, bottom, left


def _shift(numbers: tuple[float, ...], vertices: tuple[float, ...] = ()) -> Shift:
    if len(numbers) != 2:
        raise UnreadableInstance(f"Mask Sub-pixel Shift has {len(numbers)} values, not 2")
    return Shift(rows=numbers[0], columns=numbers[1], vertices=vertices)


def _shifted(mask: Array, shift: Shift) -> Array:
    """Towards lower rows and towards the left hand side, where the shift is positive
    (C.7.6.10.1.2); what comes in at the edges is the outermost pixel.
    """
    rows = _moved(mask, -shift.rows, axis=0)
    return _moved(rows, shift.columns, axis=1)


def _moved(values: Array, offset: float, axis: int) -> Array:
    """What lies ``offset`` behind each place of an axis, between two pixels the mean of both."""
    last = values.shape[axis] - 1
    places = np.clip(np.arange(last + 1) + offset, 0, last)
    first = np.floor(places).astype(np.int64)
    weight = (places - first).reshape((-1, 1) if axis == 0 else (1, -1))
    nearer = values.take(first, axis)
    farther = values.take(np.minimum(first + 1, last), axis)
    moved: Array = nearer + (farther - nearer) * weight
    return moved
