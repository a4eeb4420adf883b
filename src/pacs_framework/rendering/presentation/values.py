"""From stored values to what is seen of them by a presentation state (PS3.4 N.2.1, N.2.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.grey import GreyPipeline
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.lookup import LookupTable, lookup_table
from pacs_framework.rendering.modality import Transform, modality_transform
from pacs_framework.rendering.palette import palette_ramp
from pacs_framework.rendering.presentation.references import SeenFrame, item_for
from pacs_framework.rendering.samples import Array
from pacs_framework.rendering.voi import Span, VoiTransform, voi_of

__all__ = ["softcopy_pipeline"]

_WHITE = 255


def softcopy_pipeline(
    state: Dataset, layout: FrameLayout, frame: SeenFrame, *, coloured: bool = False
) -> GreyPipeline:
    """Modality LUT, VOI LUT, and presentation LUT of the state, or its palette for ``coloured``.

    A palette makes RGB: all that the VOI LUT gives is spread over it (N.2.3). Photometric
    Interpretation of the image says nothing here: the state does (N.2.1.4). Raises
    `UnreadableInstance`.
    """
    if not layout.is_monochrome:
        raise UnreadableInstance(
            f"the presentation state is for greys, and the image is in "
            f"{layout.photometric_interpretation[:16]!r}"
        )
    modality = _modality(state, layout, frame)
    return GreyPipeline(
        layout=layout,
        modality=modality,
        voi=_voi(state, layout, frame) or _everything(modality, layout),
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


def _modality(state: Dataset, layout: FrameLayout, frame: SeenFrame) -> Transform | None:
    """That of all images, or of the item for this one (C.11.1, C.11.35)."""
    source = state
    if "VariableModalityLUTSequence" in state:
        source = item_for(state, "VariableModalityLUTSequence", frame) or Dataset()
    return modality_transform(FrameHeader(source, frame.number), signed=layout.signed)


def _voi(state: Dataset, layout: FrameLayout, frame: SeenFrame) -> VoiTransform | None:
    item = item_for(state, "SoftcopyVOILUTSequence", frame)
    if item is None:
        return None
    return voi_of(FrameHeader(item, frame.number), signed=layout.signed, number=1)


def _everything(modality: Transform | None, layout: FrameLayout) -> Span | None:
    """The identity: all values that the modality LUT can give, and not only those that it does.

    Floats have no such range, so that theirs is measured.
    """
    if layout.floating:
        return None
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
