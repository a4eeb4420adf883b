"""Which images a presentation state is for, and which of its items are for a frame.

PS3.3 C.11.11 (Presentation State Relationship), 10.3 (Image SOP Instance Reference Macro).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of, numbers_of, text_of

__all__ = [
    "ImageReference",
    "ImageSet",
    "SeenFrame",
    "images_in",
    "item_for",
    "items_for",
    "references_in",
    "registrations_in",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """An image, or the ``frames`` of it, from 1 on; all where there are none.

    Without a ``sop_instance_uid``, all images of the series.
    """

    series_instance_uid: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Images that are seen together, and the spatial registrations that say where they lie."""

    images: tuple[ImageReference, ...]
    registrations: tuple[ImageReference, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame as a state names it: the UID of its image, and its number from 1 on."""

    sop_instance_uid: str
    number: int


def references_in(state: Dataset) -> tuple[ImageReference, ...]:
    """All images that a state is for, in its order. Raises `UnreadableInstance`."""
    found = [
        each for series in items_of(state, "ReferencedSeriesSequence") for each in images_in(series)
    ]
    if not found:
        raise UnreadableInstance("the presentation state refers to no image")
    return tuple(found)


def images_in(series: Dataset) -> Iterator[ImageReference]:
    """The images that an item with a Series Instance UID names. Raises `UnreadableInstance`."""
    for image in items_of(series, "ReferencedImageSequence"):
        yield ImageReference(
            series_instance_uid=text_of(series, "SeriesInstanceUID"),
            sop_class_uid=text_of(image, "ReferencedSOPClassUID"),
            sop_instance_uid=text_of(image, "ReferencedSOPInstanceUID"),
            frames=_frames(image),
        )


def registrations_in(owner: Dataset) -> tuple[ImageReference, ...]:
    """The spatial registrations that an item refers to (PS3.3 Table C.17-3)."""
    return tuple(
        ImageReference(
            series_instance_uid=text_of(series, "SeriesInstanceUID"),
            sop_class_uid=text_of(each, "ReferencedSOPClassUID"),
            sop_instance_uid=text_of(each, "ReferencedSOPInstanceUID"),
        )
        for study in items_of(owner, "ReferencedSpatialRegistrationSequence")
        for series in items_of(study, "ReferencedSeriesSequence")
        for each in items_of(series, "ReferencedSOPSequence")
    )


def items_for(owner: Dataset, keyword: str, frame: SeenFrame) -> Iterator[Dataset]:
    """The items of a sequence that are for a frame: those that name it, and those that name none.

    Raises `UnreadableInstance`.
    """
    for item in items_of(owner, keyword):
        images = items_of(item, "ReferencedImageSequence")
        if not images or _names(images, frame):
            yield item


def item_for(owner: Dataset, keyword: str, frame: SeenFrame) -> Dataset | None:
    """The first of `items_for`; None where there is none."""
    return next(items_for(owner, keyword, frame), None)


def _names(images: Sequence[Dataset], frame: SeenFrame) -> bool:
    for image in images:
        if text_of(image, "ReferencedSOPInstanceUID") == frame.sop_instance_uid:
            frames = _frames(image)
            if not frames or frame.number in frames:
                return True
    return False


def _frames(image: Dataset) -> tuple[int, ...]:
    if "ReferencedSegmentNumber" in image:
        raise UnreadableInstance("the presentation state is for segments, not for whole frames")
    return tuple(int(number) for number in numbers_of(image, "ReferencedFrameNumber"))
