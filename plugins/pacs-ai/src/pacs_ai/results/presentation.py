"""Marks and a window as a Grayscale Softcopy Presentation State (PS3.3 A.33.1)."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from pacs_ai.api import Mark, Presentation
from pacs_ai.results.signature import Signature
from pacs_ai.volumes.grid import Grid

__all__ = ["write_presentation"]

_LAYER = "MODEL"


def write_presentation(
    made: Presentation,
    sources: Sequence[Dataset],
    grid: Grid,
    signature: Signature,
    what: str,
    series_number: int,
) -> Dataset:
    """The instance: for all images of the series, with annotations on those that have marks.

    Raises ValueError for images of which each has a rescaling of its own, as of PET: a presentation
    state has one for all of them.
    """
    layer = hd.pr.GraphicLayer(_LAYER, order=1, description=f"drawn by {signature.name}"[:64])
    written = hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=list(sources),
        graphic_layers=[layer] if made.marks else None,
        graphic_annotations=_annotations(made.marks, sources, grid, layer) or None,
        voi_lut_transformations=[_shown(*made.window)] if made.window else None,
        content_label="PRESENTATION",
        content_description=made.description[:64],
        series_instance_uid=signature.uid(f"{what}/series"),
        series_number=series_number,
        sop_instance_uid=signature.uid(what),
        instance_number=1,
        **signature.equipment,
    )
    written.SeriesDescription = f"{signature.name}: {made.description}"[:64]
    return written


def _shown(low: float, high: float) -> hd.pr.SoftcopyVOILUTTransformation:
    """``low`` is the last black value and ``high`` the first white one (PS3.3 C.11.2.1.2.1)."""
    return hd.pr.SoftcopyVOILUTTransformation(
        window_center=round((low + high + 1) / 2, 4),
        window_width=round(high - low + 1, 4),
    )


def _annotations(
    marks: Sequence[Mark], sources: Sequence[Dataset], grid: Grid, layer: hd.pr.GraphicLayer
) -> list[hd.pr.GraphicAnnotation]:
    """One for each slice that has marks."""
    found = []
    for number in sorted({mark.slice for mark in marks}):
        plane = grid.planes[number]
        source = sources[plane.source]
        here = [mark for mark in marks if mark.slice == number]
        found.append(
            hd.pr.GraphicAnnotation(
                referenced_images=[source],
                referenced_frame_number=plane.frame if "NumberOfFrames" in source else None,
                graphic_layer=layer,
                graphic_objects=[_drawn(mark) for mark in here],
                text_objects=[_label(mark) for mark in here if mark.label] or None,
            )
        )
    return found


def _drawn(mark: Mark) -> hd.pr.GraphicObject:
    return hd.pr.GraphicObject(
        graphic_type=mark.shape,
        graphic_data=_points(mark),
        units=hd.pr.AnnotationUnitsValues.PIXEL,
        is_filled=mark.filled,
    )


def _label(mark: Mark) -> hd.pr.TextObject:
    across, down = _points(mark)[0]
    return hd.pr.TextObject(
        text_value=mark.label,
        units=hd.pr.AnnotationUnitsValues.PIXEL,
        anchor_point=(float(across), float(down)),
        anchor_point_visible=False,
    )


def _points(mark: Mark) -> NDArray[np.float64]:
    """Columns and rows, from the corner of the first pixel on (PS3.3 C.10.5.1.1).

    Whole numbers of a mark are centres of voxels, which lie half a pixel from there.
    """
    return np.array(mark.points, np.float64)[:, ::-1] + 0.5
