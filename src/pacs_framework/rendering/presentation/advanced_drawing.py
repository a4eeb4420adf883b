"""Several inputs blended, step by step (PS3.4 N.2.6): colours, and where there are any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of
from pacs_framework.rendering.colour import rgb_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.grey import GreyPipeline, padding_of
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.modality import Transform, modality_transform
from pacs_framework.rendering.palette import palette_colours, palette_ramp
from pacs_framework.rendering.presentation.advanced import (
    AdvancedBlending,
    Step,
    advanced_blending_of,
    within_thresholds,
)
from pacs_framework.rendering.presentation.blending import bands_of
from pacs_framework.rendering.presentation.other_frames import (
    OtherFrames,
    Superimposed,
    Unaligned,
)
from pacs_framework.rendering.presentation.planes import Plane, plane_of
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.values import (
    everything,
    modality_of_state,
    softcopy_pipeline,
    spread_over,
)
from pacs_framework.rendering.samples import Array, cells_of, values_of

__all__ = ["advanced_pixels"]

_MOSTLY = 0.5
_MODALITY = ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence")


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Colours as floats from 0 to 255, and where they are: elsewhere is padding."""

    colours: Array
    there: Array


_Layers = Callable[[range], _Layer]
"""What an input shows in a band of lines."""


def advanced_pixels(
    state: Dataset, stored: StoredFrame, header: Dataset, frame: SeenFrame, others: OtherFrames
) -> Array:
    """A frame that gives the geometry in RGB, with all that it is blended with; padding is black.

    Raises `UnreadableInstance`.
    """
    blending = advanced_blending_of(state)
    rows, columns = stored.layout.rows, stored.layout.columns
    here = Superimposed(
        frame=stored, header=header, seen=frame, plane=plane_of(FrameHeader(header, frame.number))
    )
    layers: dict[int, _Layers] = {}
    for number, item in blending.inputs.items():
        shown = number == blending.shown
        found = here if shown else others.superimposed(number, here.plane, frame)
        layers[number] = _layers_of(item, found, here.plane, columns)
    made = np.zeros((rows, columns, 3), np.uint8)
    for band in bands_of(rows, columns):
        inputs = {number: layer(band) for number, layer in layers.items()}
        made[band.start : band.stop] = np.rint(_blended(blending.result, blending, inputs).colours)
    return made


def _blended(step: Step, blending: AdvancedBlending, inputs: Mapping[int, _Layer]) -> _Layer:
    """One step, and all that it takes."""
    found = [
        _blended(blending.steps[number], blending, inputs)
        if number in blending.steps
        else inputs[number]
        for number in step.inputs
    ]
    there = np.stack([each.there for each in found])
    shares = there.astype(np.float64)
    if step.opacity is not None and len(found) > 1:
        both = there.all(axis=0)
        shares[0][both], shares[1][both] = step.opacity, 1 - step.opacity
    else:
        shares /= np.maximum(shares.sum(axis=0), 1)
    colours = sum(
        each.colours * share[..., np.newaxis] for each, share in zip(found, shares, strict=True)
    )
    return _Layer(np.asarray(colours), np.asarray(there.any(axis=0)))


def _layers_of(
    item: Dataset, found: Superimposed | Unaligned | None, here: Plane, columns: int
) -> _Layers:
    if found is None:
        return lambda band: _Layer(
            np.zeros((len(band), columns, 3)), np.zeros((len(band), columns), bool)
        )
    if isinstance(found, Superimposed) and not found.frame.layout.is_monochrome:
        return _coloured(item, found, here, columns)
    return _grey(item, found, here, columns)


def _coloured(item: Dataset, found: Superimposed, here: Plane, columns: int) -> _Layers:
    if items_of(item, "ThresholdSequence"):
        raise UnreadableInstance("thresholds of an input in colours are not known")
    cells, layout = cells_of(found.frame), found.frame.layout
    palette = layout.photometric_interpretation == "PALETTE COLOR"
    colours = palette_colours(cells, found.header, layout) if palette else rgb_of(cells, layout)
    return lambda band: _Layer(*found.plane.upon(colours, here, band, columns))


def _grey(item: Dataset, found: Superimposed | Unaligned, here: Plane, columns: int) -> _Layers:
    """Values are interpolated, and what they are seen as is made of the result."""
    pipeline = _pipeline(item, found)
    values_in = (
        _values_of_frame(item, found, here, columns)
        if isinstance(found, Superimposed)
        else _values_of_volume(item, found, here, columns)
    )

    def layer(band: range) -> _Layer:
        values, there = values_in(band)
        pixels, _ = pipeline.draw_measured(values)
        if pixels.ndim == there.ndim:
            pixels = np.repeat(pixels[..., np.newaxis], 3, axis=-1)
        there = there & within_thresholds(item, values)
        return _Layer(np.where(there[..., np.newaxis], pixels, 0).astype(np.float64), there)

    return layer


def _values_of_frame(
    item: Dataset, found: Superimposed, here: Plane, columns: int
) -> Callable[[range], tuple[Array, Array]]:
    """Those of padding do not count, and what is padding for the most part is."""
    layout = found.frame.layout
    modality = _modality(item, FrameHeader(found.header, found.seen.number), layout, found.seen)
    stored = values_of(cells_of(found.frame), layout)
    values = np.nan_to_num(stored if modality is None else modality(stored))
    padding = padding_of(found.header, layout)
    is_value = np.ones(stored.shape)
    if padding is not None:
        is_value[(stored >= padding[0]) & (stored <= padding[1])] = 0
    both = np.stack((values * is_value, is_value), axis=-1)

    def values_in(band: range) -> tuple[Array, Array]:
        upon, inside = found.plane.upon(both, here, band, columns)
        there = inside & (upon[..., 1] > _MOSTLY)
        return np.divide(upon[..., 0], upon[..., 1], out=np.zeros(there.shape), where=there), there

    return values_in


def _values_of_volume(
    item: Dataset, found: Unaligned, here: Plane, columns: int
) -> Callable[[range], tuple[Array, Array]]:
    seen = found.seen
    volume = found.volume(lambda header, frame: _modality(item, header, frame.layout, seen))
    return lambda band: volume.values_on(here.grid(band, columns))


def _modality(
    item: Dataset, header: FrameHeader, layout: FrameLayout, seen: SeenFrame
) -> Transform | None:
    """That of the state where it has one; its module does not have it, so else that of the image.

    Thresholds and windows would mean nothing without (C.11.33 has no Modality LUT).
    """
    if any(keyword in item for keyword in _MODALITY):
        return modality_of_state(item, layout, seen)
    return modality_transform(header, signed=layout.signed)


def _pipeline(item: Dataset, found: Superimposed | Unaligned) -> GreyPipeline:
    """Through the palette of the input; greys without one."""
    layout = found.frame.layout if isinstance(found, Superimposed) else found.layout
    modality = _modality(item, FrameHeader(found.header, found.seen.number), layout, found.seen)
    made = softcopy_pipeline(item, layout, found.seen)
    if not items_of(item, "SoftcopyVOILUTSequence"):
        made = replace(made, voi=everything(modality, layout))
    palettes = items_of(item, "PaletteColorLookupTableSequence")
    owner = palettes[0] if palettes else item
    if "RedPaletteColorLookupTableDescriptor" not in owner:
        return made
    return replace(made, presentation=spread_over(palette_ramp(owner)))
