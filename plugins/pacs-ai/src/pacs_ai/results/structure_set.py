"""RT structure sets of programs, held against the series that they were made of (PS3.3 A.19)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydicom import Dataset
from pydicom.uid import RTStructureSetStorage

from pacs_ai.errors import RefusedOutput
from pacs_ai.volumes.study import Given
from pacs_framework.rendering.attributes import items_of, text_of

__all__ = ["STRUCTURE_SET", "check_structure_set"]

STRUCTURE_SET = str(RTStructureSetStorage)
"""The SOP class of contours in the coordinates of a patient."""


def check_structure_set(made: Dataset, given: Given) -> None:
    """That its contours lie in the coordinates of the images that they were drawn on.

    Each frame of reference that it names is one of the series that it says it is of, or of any that
    was given where it says none; a series without one is nothing to hold it against. Raises
    `RefusedOutput`.
    """
    _check_images(made, given)
    known = _frames_of(made, given)
    if not known:
        return
    for roi in items_of(made, "StructureSetROISequence"):
        if not text_of(roi, "ReferencedFrameOfReferenceUID"):
            raise RefusedOutput(
                f"ROI {text_of(roi, 'ROINumber')} of the structure set does not say which frame of "
                "reference it is in: Referenced Frame of Reference UID (3006,0024) is missing"
            )
    if others := sorted(set(_named_frames(made)) - known):
        raise RefusedOutput(
            f"it made a structure set of another frame of reference: {', '.join(others)}, and the "
            f"series has {', '.join(sorted(known))}"
        )


def _named_frames(made: Dataset) -> Iterator[str]:
    """Of the set as a whole, of its references, and of each ROI; what is empty names none."""
    named = [text_of(made, "FrameOfReferenceUID")]
    named += (text_of(item, "FrameOfReferenceUID") for item in _references(made))
    named += (
        text_of(roi, "ReferencedFrameOfReferenceUID")
        for roi in items_of(made, "StructureSetROISequence")
    )
    return filter(None, named)


def _frames_of(made: Dataset, given: Given) -> set[str]:
    """The frames of reference of the series that it is of."""
    named = {text_of(series, "SeriesInstanceUID") for series in _series(made)}
    parts = [part for part in given.parts if part.series_instance_uid in named] or given.parts
    found = (text_of(header, "FrameOfReferenceUID") for part in parts for header in part.headers)
    return set(filter(None, found))


def _check_images(made: Dataset, given: Given) -> None:
    known = set(given.sop_instance_uids)
    drawn_on = [image for series in _series(made) for image in _images(series)]
    for roi in items_of(made, "ROIContourSequence"):
        for contour in items_of(roi, "ContourSequence"):
            drawn_on += _images(contour)
    if not all(text_of(image, "ReferencedSOPInstanceUID") in known for image in drawn_on):
        raise RefusedOutput("its structure set refers to an image that it was not given")


def _references(made: Dataset) -> Sequence[Dataset]:
    return items_of(made, "ReferencedFrameOfReferenceSequence")


def _series(made: Dataset) -> Iterator[Dataset]:
    for reference in _references(made):
        for study in items_of(reference, "RTReferencedStudySequence"):
            yield from items_of(study, "RTReferencedSeriesSequence")


def _images(item: Dataset) -> Sequence[Dataset]:
    return items_of(item, "ContourImageSequence")
