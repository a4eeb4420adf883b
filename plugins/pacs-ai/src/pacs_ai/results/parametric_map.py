"""A number for each voxel as a Parametric Map on the frames of its sources (PS3.3 A.75)."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from pydicom import Dataset

from pacs_ai.api import Code, ParametricMap
from pacs_ai.results.signature import Signature, coded
from pacs_ai.volumes.grid import Grid

__all__ = ["write_map"]


def write_map(
    made: ParametricMap,
    sources: Sequence[Dataset],
    grid: Grid,
    signature: Signature,
    what: str,
    series_number: int,
) -> Dataset:
    """The instance: 32-bit floats, each of which stands for itself (PS3.3 C.7.6.16.2.11)."""
    lowest, highest = float(made.values.min()), float(made.values.max())
    meant = hd.pm.RealWorldValueMapping(
        lut_label="VALUES",
        lut_explanation=made.quantity.meaning,
        unit=coded(made.unit),
        value_range=(lowest, highest),
        slope=1.0,
        intercept=0.0,
        quantity_definition=coded(made.quantity),
    )
    written = hd.pm.ParametricMap(
        source_images=list(sources),
        pixel_array=made.values[grid.order_of_sources],
        real_world_value_mappings=[meant],
        voi_lut_transformations=[_shown(*(made.window or (lowest, highest)))],
        series_instance_uid=signature.uid(f"{what}/series"),
        series_number=series_number,
        sop_instance_uid=signature.uid(what),
        instance_number=1,
        contains_recognizable_visual_features=False,
        content_label="MAP",
        content_description=made.description[:64],
        series_description=f"{signature.name}: {made.description}"[:64],
        **signature.equipment,
    )
    if made.site is not None:
        written.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [
            _anatomy(made.site, made.laterality)
        ]
    _turn(written)
    return written


def _turn(written: Dataset) -> None:
    """Have the frames go the way of the normal, as slices of a volume do.

    The library sorts them the other way, and readers that take them as they come, as that of 3D
    Slicer does (dcmqi 1.5), would show the map upside down.
    """
    frames = list(written.PerFrameFunctionalGroupsSequence)[::-1]
    for number, frame in enumerate(frames, 1):
        frame.FrameContentSequence[0].DimensionIndexValues = [number]
    written.PerFrameFunctionalGroupsSequence = frames
    pixels = np.frombuffer(written.FloatPixelData, "<f4").reshape(len(frames), -1)
    written.FloatPixelData = pixels[::-1].tobytes()


def _anatomy(site: Code, laterality: str) -> Dataset:
    item = Dataset()
    item.FrameLaterality = laterality
    item.AnatomicRegionSequence = [hd.sr.CodedConcept.from_code(coded(site))]
    return item


def _shown(low: float, high: float) -> hd.VOILUTTransformation:
    """From black to white, exactly (PS3.3 C.11.2.1.3.2); a map of one value has some width."""
    return hd.VOILUTTransformation(
        window_center=_decimal((low + high) / 2),
        window_width=_decimal(high - low) or 1.0,
        voi_lut_function=hd.VOILUTFunctionValues.LINEAR_EXACT,
    )


def _decimal(number: float) -> float:
    """What a decimal string of 16 characters can say (PS3.5 6.2)."""
    return float(f"{number:.6g}")
