"""Masks as a Segmentation on the frames of their sources (PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

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
        raise RefusedOutput(f"it found nothing to segment: {', '.join(empty)} is empty")
    kept = [segment for segment in made.segments if segment.label not in empty]
    masks = np.stack([segment.mask for segment in kept], axis=-1)
    return hd.seg.Segmentation(
        source_images=list(sources),
        pixel_array=_as_the_sources(masks, grid),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
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


def _as_the_sources(masks: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """Slices in the order of the frames that they are of."""
    order = sorted(
        range(len(grid.planes)), key=lambda k: (grid.planes[k].source, grid.planes[k].frame)
    )
    return masks[order]


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
