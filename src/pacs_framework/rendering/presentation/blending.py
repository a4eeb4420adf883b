"""One set of images superimposed upon another (PS3.3 C.11.14, PS3.4 N.2.4).

The pictures are those of the underlying images: in each, what of the superimposed ones lies in its
plane is seen through. Of parallel slices that is the one whose thickness the plane lies in, and
nothing is interpolated between them; slices that lie across it are a volume that it cuts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.palette import palette_ramp
from pacs_framework.rendering.presentation.other_frames import (
    OtherFrames,
    Superimposed,
    Unaligned,
)
from pacs_framework.rendering.presentation.planes import Plane, plane_of
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.values import (
    modality_of_state,
    softcopy_pipeline,
    spread_over,
)
from pacs_framework.rendering.samples import Array, cells_of

__all__ = ["SUPERIMPOSED", "Blending", "bands_of", "blended_pixels", "blending_of"]

SUPERIMPOSED = 1
"""The number of the one set of superimposed images."""

_BAND = 1 << 20  # pixels at a time: each takes many bytes meanwhile


@dataclass(frozen=True, slots=True, eq=False)
class Blending:
    """The items for both sets, and the ``opacity`` of what is superimposed, from 0.0 to 1.0."""

    underlying: Dataset
    superimposed: Dataset
    opacity: float


def blending_of(state: Dataset) -> Blending:
    """What a state blends. Raises `UnreadableInstance`."""
    items = {
        text_of(each, "BlendingPosition"): each for each in items_of(state, "BlendingSequence")
    }
    if set(items) != {"UNDERLYING", "SUPERIMPOSED"}:
        raise UnreadableInstance(
            "Blending Sequence has not one item that is UNDERLYING and one that is SUPERIMPOSED"
        )
    opacity = numbers_of(state, "RelativeOpacity")
    if len(opacity) != 1 or not 0 <= opacity[0] <= 1:
        raise UnreadableInstance("Relative Opacity is missing, or not between 0 and 1")
    return Blending(items["UNDERLYING"], items["SUPERIMPOSED"], opacity[0])


def blended_pixels(
    state: Dataset, stored: StoredFrame, header: Dataset, frame: SeenFrame, others: OtherFrames
) -> Array:
    """A frame of an underlying image in RGB, with what lies upon it.

    Raises `UnreadableInstance`.
    """
    blending = blending_of(state)
    here = plane_of(FrameHeader(header, frame.number))
    greys, _ = softcopy_pipeline(blending.underlying, stored.layout, frame).draw(cells_of(stored))
    below = np.repeat(greys[..., np.newaxis], 3, axis=-1)
    above = others.superimposed(SUPERIMPOSED, here, frame)
    if above is None:
        return below
    rows, columns = greys.shape
    colours_in = _colours(state, blending.superimposed, above, here, columns)
    for band in bands_of(rows, columns):
        upon, inside = colours_in(band)
        share = np.where(inside, blending.opacity, 0.0)[..., np.newaxis]
        part = below[band.start : band.stop]
        part[:] = np.rint(upon * share + part * (1 - share))
    return below


def bands_of(rows: int, columns: int) -> Iterator[range]:
    """Lines that are blended at once."""
    step = max(_BAND // columns, 1)
    for first in range(0, rows, step):
        yield range(first, min(first + step, rows))


def _colours(
    state: Dataset, item: Dataset, above: Superimposed | Unaligned, here: Plane, columns: int
) -> Callable[[range], tuple[Array, Array]]:
    """What gives the colours of a band of lines, and where there are any."""
    layout = above.frame.layout if isinstance(above, Superimposed) else above.layout
    pipeline = softcopy_pipeline(item, layout, above.seen)
    pipeline = replace(pipeline, presentation=spread_over(palette_ramp(state)))
    if isinstance(above, Superimposed):
        colours, _ = pipeline.draw(cells_of(above.frame))
        plane = above.plane
        return lambda band: plane.upon(colours, here, band, columns)
    seen = above.seen
    volume = above.volume(lambda _, frame: modality_of_state(item, frame.layout, seen))

    def cut(band: range) -> tuple[Array, Array]:
        values, inside = volume.values_on(here.grid(band, columns))
        return pipeline.draw_measured(values)[0], inside

    return cut
