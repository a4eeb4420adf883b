"""The grayscale pipeline of one frame: modality, VOI and presentation (PS3.4 N.2).

Pixels that pad the frame (PS3.3 C.7.5.1.1.2) are left out where the range of values is measured.
They are drawn like all others: their value lies at the black end where the header is right, and
where it is wrong, pixels that show something would vanish.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from pacs_framework.rendering.attributes import integer_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.lookup import LookupTable
from pacs_framework.rendering.modality import Transform, modality_transform
from pacs_framework.rendering.samples import Array, all_cells, has_table, values_of
from pacs_framework.rendering.voi import Span, VoiTransform, voi_of

__all__ = ["GreyPipeline", "grey_pipeline", "padding_of"]

_WHITE = 255
_BAND = 1 << 20  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyPipeline:
    """What is done with each stored value of a frame.

    ``inverted`` has the lowest values white. ``padding`` is the range of values that pad it.
    ``presentation`` makes 8-bit levels, greys or RGB, of shares of white, where a presentation
    state says how.
    """

    layout: FrameLayout
    modality: Transform | None
    voi: VoiTransform | None
    inverted: bool
    padding: tuple[float, float] | None = None
    presentation: Transform | None = None

    def draw(self, cells: Array) -> tuple[Array, VoiTransform]:
        """An 8-bit picture of ``cells``, and the VOI transform that it was drawn with."""
        voi = self.voi or self._span(cells)
        if has_table(self.layout) and cells.size > 1 << self.layout.bits_allocated:
            table = self._greys(values_of(all_cells(self.layout), self.layout), voi)
            pixels: Array = table.take(cells, axis=0)
            return pixels, voi
        rows = max(_BAND // cells.shape[1], 1)  # at a time: each pixel takes many bytes meanwhile
        bands = [
            self._greys(values_of(cells[row : row + rows], self.layout), voi)
            for row in range(0, cells.shape[0], rows)
        ]
        return np.concatenate(bands), voi

    def draw_measured(self, values: Array) -> tuple[Array, VoiTransform]:
        """As `draw`, of ``values`` that the modality transform has made already."""
        if self.layout.floating:
            values = np.nan_to_num(values)
        voi = self.voi or Span(float(values.min()), float(values.max()))
        return self._levels(voi.shares(values)), voi

    def _greys(self, values: Array, voi: VoiTransform) -> Array:
        if self.layout.floating:
            values = np.nan_to_num(values, nan=-np.inf)  # what is no number is below all others
        return self._levels(voi.shares(self._measured(values)))

    def _levels(self, shares: Array) -> Array:
        if self.presentation is not None:
            return self.presentation(shares)
        if self.inverted:
            shares = 1.0 - shares
        greys: Array = np.rint(shares * _WHITE).astype(np.uint8)
        return greys

    def _measured(self, values: Array) -> Array:
        return values if self.modality is None else self.modality(values)

    def _span(self, cells: Array) -> Span:
        """From the lowest to the highest value that is not padding; of single bits, both."""
        if self.layout.bits_stored == 1:
            return Span(0, 1)
        values = values_of(cells, self.layout)
        if self.padding is not None:
            low, high = self.padding
            values = values[(values < low) | (values > high)]
        if self.layout.floating:
            values = values[np.isfinite(values)]
        if not values.size:
            return Span(0, 0)
        if not isinstance(self.modality, LookupTable):  # a straight line: its ends tell all
            values = np.array((values.min(), values.max()))
        measured = self._measured(values)
        return Span(float(measured.min()), float(measured.max()))


def grey_pipeline(
    header: FrameHeader,
    layout: FrameLayout,
    *,
    voi: VoiTransform | None = None,
    number: int | None = None,
) -> GreyPipeline:
    """What the header says for a frame; ``voi``, or its VOI transform ``number``, come before.

    Raises `UnreadableInstance` and `NoSuchVoi`.
    """
    return GreyPipeline(
        layout=layout,
        modality=modality_transform(header, signed=layout.signed),
        voi=voi or voi_of(header, signed=layout.signed, number=number),
        inverted=_is_inverted(header.root, layout),
        padding=padding_of(header.root, layout),
    )


def _is_inverted(header: Dataset, layout: FrameLayout) -> bool:
    """By photometric interpretation (C.7.6.3.1.2) or Presentation LUT Shape (C.11.6).

    Where there are both they say the same: INVERSE belongs to MONOCHROME1 (C.8.11.3).
    """
    shape = text_of(header, "PresentationLUTShape")
    return layout.photometric_interpretation == "MONOCHROME1" or shape == "INVERSE"


def padding_of(header: Dataset, layout: FrameLayout) -> tuple[float, float] | None:
    """The range of stored values that pad an image (C.7.5.1.1.2); None where none does."""
    if layout.floating:
        double = layout.bits_allocated > 32
        return _range(header, "DoubleFloatPixelPadding" if double else "FloatPixelPadding")
    if "PixelPaddingValue" not in header:
        return None
    value = integer_of(header, "PixelPaddingValue", default=0)
    limit = integer_of(header, "PixelPaddingRangeLimit", default=value)
    low, high = sorted(_as_stored(each, layout) for each in (value, limit))
    return low, high


def _range(header: Dataset, keyword: str) -> tuple[float, float] | None:
    value = numbers_of(header, f"{keyword}Value")
    limit = numbers_of(header, f"{keyword}RangeLimit") or value
    return (min(value[0], limit[0]), max(value[0], limit[0])) if value else None


def _as_stored(value: int, layout: FrameLayout) -> int:
    """``value`` with the sign of stored values, whatever VR it was given."""
    if layout.bits_allocated > 16:
        return value
    value %= 1 << layout.bits_allocated
    return value - (1 << layout.bits_allocated) if layout.signed and value > layout.most else value
