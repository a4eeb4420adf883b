"""From stored values to what is seen of them by a presentation state (PS3.4 N.2.1, N.2.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.grey import GreyPipeline
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.lookup import LookupTable, lookup_table
from pacs_framework.rendering.modality import Transform, modality_transform
from pacs_framework.rendering.palette import palette_ramp
from pacs_framework.rendering.presentation.masks import in_ranges, subtraction_of
from pacs_framework.rendering.presentation.other_frames import OtherFrames
from pacs_framework.rendering.presentation.references import SeenFrame, item_for, items_for
from pacs_framework.rendering.samples import Array, cells_of, values_of
from pacs_framework.rendering.voi import Span, VoiTransform, voi_of

__all__ = ["everything", "modality_of_state", "softcopy_pipeline", "softcopy_pixels", "spread_over"]

_WHITE = 255
_MOST_SUBTRACTED = 1 << 24  # pixels: differences and masks are floats, all of a frame at once


def softcopy_pixels(
    state: Dataset,
    stored: StoredFrame,
    frame: SeenFrame,
    count: int,
    others: OtherFrames,
    *,
    coloured: bool = False,
) -> tuple[Array, VoiTransform]:
    """An 8-bit picture of a frame of an image with ``count`` frames, and its VOI transform.

    ``others`` has the frames that are subtracted from it. Raises `UnreadableInstance`.
    """
    subtraction = subtraction_of(state, frame, count)
    subtracted = subtraction is not None
    if subtracted and stored.layout.rows * stored.layout.columns > _MOST_SUBTRACTED:
        raise UnreadableInstance(
            f"frames of more than {_MOST_SUBTRACTED} pixels are not subtracted from each other"
        )
    pipeline = softcopy_pipeline(
        state, stored.layout, frame, coloured=coloured, subtracted=subtracted
    )
    if subtraction is None:
        return pipeline.draw(cells_of(stored))

    def values(each: StoredFrame, number: int) -> Array:
        return _measured(state, each, SeenFrame(frame.sop_instance_uid, number))

    mask = others.average(subtraction.mask, values)
    if len(subtraction.contrast) == 1:
        contrast = values(stored, frame.number)
    else:
        contrast = others.average(subtraction.contrast, values)
    return pipeline.draw_measured(subtraction.subtract(contrast, mask))


def _measured(state: Dataset, stored: StoredFrame, frame: SeenFrame) -> Array:
    """The values of a frame as they are subtracted."""
    modality = modality_of_state(state, stored.layout, frame)
    values = values_of(cells_of(stored), stored.layout)
    return values if modality is None else modality(values)


def softcopy_pipeline(
    state: Dataset,
    layout: FrameLayout,
    frame: SeenFrame,
    *,
    coloured: bool = False,
    subtracted: bool = False,
) -> GreyPipeline:
    """Modality LUT, VOI LUT, and presentation LUT of the state, or its palette for ``coloured``.

    A palette makes RGB: all that the VOI LUT gives is spread over it (N.2.3). Photometric
    Interpretation of the image says nothing here: the state does (N.2.1.4). ``subtracted``: the VOI
    LUT is for differences of values, which have both signs. Raises `UnreadableInstance`.
    """
    if not layout.is_monochrome:
        raise UnreadableInstance(
            f"the presentation state is for greys, and the image is in "
            f"{layout.photometric_interpretation[:16]!r}"
        )
    modality = modality_of_state(state, layout, frame)
    return GreyPipeline(
        layout=layout,
        modality=modality,
        voi=_voi(state, frame, signed=layout.signed or subtracted)
        or everything(modality, layout, subtracted=subtracted),
        inverted=False,
        presentation=_Spread(palette_ramp(state)) if coloured else _presentation_lut(state),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """Shares of the input range, over the whole of ``levels``: the first for 0.0, the last for 1.0.

    It is how every LUT behind the VOI LUT sees its input (PS3.3 C.11.6.1.1).
    """

    levels: Array

    def __call__(self, shares: Array) -> Array:
        last = len(self.levels) - 1
        made: Array = self.levels[np.rint(shares * last).astype(np.int64)]
        return made


def spread_over(levels: Array) -> Transform:
    """Spreads what a VOI LUT gives over all ``levels``, as palettes and LUTs behind it do."""
    return _Spread(levels)


def modality_of_state(state: Dataset, layout: FrameLayout, frame: SeenFrame) -> Transform | None:
    """That of all images, or of the item for this one (C.11.1, C.11.35)."""
    if "PixelIntensityRelationshipLUTSequence" in state:
        return _to_logarithm(state, layout, frame)
    source = state
    if "VariableModalityLUTSequence" in state:
        source = item_for(state, "VariableModalityLUTSequence", frame) or Dataset()
    return modality_transform(FrameHeader(source, frame.number), signed=layout.signed)


def _to_logarithm(state: Dataset, layout: FrameLayout, frame: SeenFrame) -> Transform | None:
    """The table for a frame that leads to the values that are subtracted (N.2.5)."""
    for item in items_for(state, "PixelIntensityRelationshipLUTSequence", frame):
        pairs = numbers_of(item, "LUTFrameRange")
        if not pairs or in_ranges(pairs, frame.number):
            return lookup_table(item, signed=layout.signed)
    return None


def _voi(state: Dataset, frame: SeenFrame, *, signed: bool) -> VoiTransform | None:
    item = item_for(state, "SoftcopyVOILUTSequence", frame)
    if item is None:
        return None
    return voi_of(FrameHeader(item, frame.number), signed=signed, number=1)


def everything(
    modality: Transform | None, layout: FrameLayout, *, subtracted: bool = False
) -> Span | None:
    """The identity: all values that there can be, and not only those that there are.

    Differences have one bit more, for the sign. Floats have no such range, so that theirs is
    measured.
    """
    if layout.floating:
        return None
    span = _measured_range(modality, layout)
    width = span.high - span.low
    return Span(-width, width) if subtracted else span


def _measured_range(modality: Transform | None, layout: FrameLayout) -> Span:
    """What the modality LUT can give."""
    if isinstance(modality, LookupTable):
        return Span(0, modality.most)
    ends = np.array((layout.least, layout.most))
    if modality is not None:
        ends = modality(ends)
    return Span(float(ends.min()), float(ends.max()))


def _presentation_lut(state: Dataset) -> Transform:
    """Presentation LUT Sequence or Presentation LUT Shape, which is there too (C.11.6)."""
    tables = items_of(state, "PresentationLUTSequence")
    if tables:
        table = lookup_table(tables[0], signed=False)
        return _Spread(np.rint(table.entries * (_WHITE / table.most)).astype(np.uint8))
    shape = text_of(state, "PresentationLUTShape")
    if shape not in ("IDENTITY", "INVERSE", ""):
        raise UnreadableInstance(f"Presentation LUT Shape is {shape[:16]!r}, not one of a state")
    return _inverse if shape == "INVERSE" else _identity


def _identity(shares: Array) -> Array:
    greys: Array = np.rint(shares * _WHITE).astype(np.uint8)
    return greys


def _inverse(shares: Array) -> Array:
    return _identity(1.0 - shares)
