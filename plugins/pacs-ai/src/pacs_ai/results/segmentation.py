"""Masks as a Segmentation, or as a label map, on the frames of their sources (PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from pacs_ai.api import Segment, Segmentation
from pacs_ai.errors import RefusedOutput
from pacs_ai.results.signature import Signature, coded
from pacs_ai.volumes.grid import Grid

__all__ = ["write_segmentation"]


def write_segmentation(
    made: Segmentation,
    sources: Sequence[Dataset],
    grid: Grid,
    signature: Signature,
    what: str,
    series_number: int,
) -> Dataset:
    """The instance. Frames in which nothing is segmented are left out; raises `RefusedOutput`
    where all are: such an instance would have no frame.
    """
    empty = [segment.label for segment in made.segments if not segment.mask.any()]
    if len(empty) == len(made.segments):
        raise RefusedOutput(
            f"it found nothing to segment: {', '.join(empty)} is empty; a model says so by "
            "Nothing(reason=…)"
        )
    kept = [segment for segment in made.segments if segment.label not in empty]
    kinds = hd.seg.SegmentationTypeValues
    return hd.seg.Segmentation(
        source_images=list(sources),
        pixel_array=_pixels(kept, grid, labelmap=made.labelmap),
        segmentation_type=kinds.LABELMAP if made.labelmap else kinds.BINARY,
        transfer_syntax_uid=RLELossless if made.labelmap else ExplicitVRLittleEndian,
        segment_descriptions=[
            _description(segment, number, signature, what) for number, segment in enumerate(kept, 1)
        ],
        series_instance_uid=signature.uid(f"{what}/series"),
        series_number=series_number,
        sop_instance_uid=signature.uid(what),
        instance_number=1,
        content_description=made.description[:64],
        content_label="SEGMENTATION",
        series_description=f"{signature.name}: {made.description}"[:64],
        **signature.equipment,
    )


def _pixels(
    segments: Sequence[Segment], grid: Grid, *, labelmap: bool
) -> NDArray[np.bool_] | NDArray[np.uint16]:
    """Slices in the order of the frames that they are of: masks side by side, or their numbers.

    Raises `RefusedOutput` for segments that overlap and are to be numbers.
    """
    order = grid.order_of_sources
    if not labelmap:
        return np.stack([segment.mask for segment in segments], axis=-1)[order]
    numbers = np.zeros(grid.shape, np.uint16)
    for number, segment in enumerate(segments, 1):
        if numbers[segment.mask].any():
            raise RefusedOutput(f"segment {segment.label!r} overlaps another one in a label map")
        numbers[segment.mask] = number
    return numbers[order]


def _description(
    segment: Segment, number: int, signature: Signature, what: str
) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=coded(segment.category),
        segmented_property_type=coded(segment.kind),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=signature.for_segments(),
        tracking_uid=signature.uid(f"{what}/{segment.label}"),
        tracking_id=segment.label,
    )
