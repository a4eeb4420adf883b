"""A frame as a presentation state has it seen (PS3.4 N.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import data_of, integer_of, items_of, text_of
from pacs_framework.rendering.colour import rgb_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.geometry import MOST_PIXELS, pixel_height
from pacs_framework.rendering.overlays import overlay_mask
from pacs_framework.rendering.palette import palette_colours
from pacs_framework.rendering.picture import Picture
from pacs_framework.rendering.presentation.advanced_drawing import advanced_pixels
from pacs_framework.rendering.presentation.area import Placement, placement_of
from pacs_framework.rendering.presentation.blending import blended_pixels
from pacs_framework.rendering.presentation.canvas import Budget, Stencil, painted
from pacs_framework.rendering.presentation.colours import BLACK, Ink, ink_of
from pacs_framework.rendering.presentation.graphics import draw_graphic, graphic_ink
from pacs_framework.rendering.presentation.layers import (
    Layer,
    active_overlays,
    layers_of,
    unnamed_layer,
)
from pacs_framework.rendering.presentation.other_frames import OtherFrames
from pacs_framework.rendering.presentation.references import SeenFrame, items_for
from pacs_framework.rendering.presentation.shutters import hidden_by_shutters
from pacs_framework.rendering.presentation.state import PresentationState, StateKind
from pacs_framework.rendering.presentation.texts import draw_text, text_ink
from pacs_framework.rendering.presentation.values import softcopy_pixels
from pacs_framework.rendering.samples import Array, cells_of

__all__ = ["draw_by_state"]

_NO_OTHERS = OtherFrames()


@dataclass(frozen=True, slots=True)
class _Mark:
    """Something in a layer: its ink, and how it is drawn on a stencil."""

    layer: Layer
    ink: Ink
    draw: Callable[[Stencil], None]


def draw_by_state(
    frame: StoredFrame,
    header: Dataset,
    seen: SeenFrame,
    state: PresentationState,
    box: tuple[int, int] | None = None,
    most: int = MOST_PIXELS,
    others: OtherFrames = _NO_OTHERS,
) -> Picture:
    """The picture of a frame of the image with this header.

    ``seen`` is the frame by the name that the state has for it. ``box`` is the width and height
    that the picture fits into, and ``most`` are the pixels that it may have at all. ``others`` has
    the frames of the image that are masks for this one; it is kept for one image and one state. In
    order: values, shutters, displayed area and size, then layer by layer overlays, graphics and
    texts, which are never hidden by a shutter. Raises `UnreadableInstance`.
    """
    layout, here = frame.layout, FrameHeader(header, seen.number)
    placement = placement_of(state.dataset, here, layout, seen, box)
    _check_size(placement, most)
    cells = cells_of(frame)
    pixels, voi = _values(frame, cells, header, seen, state, others)
    for owner in (state.dataset, *items_for(state.dataset, "FrameDisplayShutterSequence", seen)):
        hidden = hidden_by_shutters(owner, layout, seen, pixel_height(here))
        if hidden is not None:
            pixels = painted(pixels, hidden, _shutter_ink(state, owner))
    pixels = placement.place(pixels)
    layers = layers_of(state.dataset)
    overlays = _overlays(state.dataset, header, seen, cells, frame, placement, layers)
    pixels = _with_marks(pixels, [*overlays, *_annotations(state.dataset, seen, placement, layers)])
    profile = b"" if state.kind.is_grey else data_of(state.dataset, "ICCProfile")
    return Picture(pixels=pixels, voi=voi, icc_profile=profile if pixels.ndim == 3 else b"")


def _check_size(placement: Placement, most: int) -> None:
    width, height = placement.size
    if width * height > most:
        raise UnreadableInstance(
            f"the state asks for a picture of {width} × {height} pixels, and {most} are the most"
        )


def _values(
    frame: StoredFrame,
    cells: Array,
    header: Dataset,
    seen: SeenFrame,
    state: PresentationState,
    others: OtherFrames,
) -> tuple[Array, str]:
    layout = frame.layout
    if state.kind is StateKind.COLOUR:
        if layout.is_monochrome:
            raise UnreadableInstance("the presentation state is for colours, and the image is grey")
        if layout.photometric_interpretation == "PALETTE COLOR":
            return palette_colours(cells, header, layout), ""
        return rgb_of(cells, layout), ""
    if state.kind is StateKind.BLENDING:
        return blended_pixels(state.dataset, frame, header, seen, others), ""
    if state.kind is StateKind.ADVANCED_BLENDING:
        return advanced_pixels(state.dataset, frame, header, seen, others), ""
    count = integer_of(header, "NumberOfFrames", default=1)
    pixels, voi = softcopy_pixels(
        state.dataset, frame, seen, count, others, coloured=_is_coloured(state)
    )
    return pixels, voi.in_words


def _is_coloured(state: PresentationState) -> bool:
    """Whether its palette counts; a Variable Modality LUT state may have one (PS3.3 A.33.8)."""
    if state.kind is StateKind.VARIABLE_MODALITY_LUT:
        return "RedPaletteColorLookupTableDescriptor" in state.dataset
    return state.kind is StateKind.PSEUDO_COLOUR


def _shutter_ink(state: PresentationState, owner: Dataset) -> Ink:
    """By P-Value on greys, by CIELab on colours (C.11.12); ``owner`` has the shutter."""
    colour = "ShutterPresentationColorCIELabValue"
    grey = "ShutterPresentationValue"
    keyword = "" if state.kind.is_grey and grey in owner else colour
    return ink_of(owner, keyword, grey) or BLACK


def _overlays(
    state: Dataset,
    header: Dataset,
    seen: SeenFrame,
    cells: Array,
    frame: StoredFrame,
    placement: Placement,
    layers: dict[str, Layer],
) -> Iterator[_Mark]:
    """Overlays lie on the pixels of the image, and are turned and scaled with them."""
    for group, name, source in active_overlays(state, header):
        plane = overlay_mask(source, group, seen.number, cells, frame.layout)
        placed = placement.place(plane)
        layer = layers.get(name) or unnamed_layer(name)
        yield _Mark(layer, layer.ink, partial(Stencil.cover, mask=placed))


def _annotations(
    state: Dataset, seen: SeenFrame, placement: Placement, layers: dict[str, Layer]
) -> Iterator[_Mark]:
    for item in items_for(state, "GraphicAnnotationSequence", seen):
        name = text_of(item, "GraphicLayer")
        layer = layers.get(name) or unnamed_layer(name)
        graphics = items_of(item, "GraphicObjectSequence")
        texts = items_of(item, "TextObjectSequence")
        if items_of(item, "CompoundGraphicSequence") and not (graphics or texts):
            raise UnreadableInstance("compound graphics without the simple ones to draw them by")
        for graphic in graphics:
            ink = graphic_ink(graphic) or layer.ink
            yield _Mark(layer, ink, partial(_drawn, draw_graphic, graphic, placement))
        for text in texts:
            ink = text_ink(text) or layer.ink
            yield _Mark(layer, ink, partial(_drawn, draw_text, text, placement))


def _drawn(
    draw: Callable[[Dataset, Placement, Stencil], None],
    item: Dataset,
    placement: Placement,
    stencil: Stencil,
) -> None:
    draw(item, placement, stencil)


def _with_marks(pixels: Array, marks: list[_Mark]) -> Array:
    """All marks by the order of their layers; what follows in the same ink is painted at once."""
    budget, size = Budget(), (pixels.shape[1], pixels.shape[0])
    ordered = sorted(marks, key=lambda mark: mark.layer.order)
    stencil: Stencil | None = None
    for number, mark in enumerate(ordered):
        stencil = stencil or Stencil(size, budget)
        mark.draw(stencil)
        if number + 1 == len(ordered) or ordered[number + 1].ink != mark.ink:
            if (edges := stencil.edges()) is not None:
                pixels = painted(pixels, edges, mark.ink.opposite)
            pixels = painted(pixels, stencil.coverage(), mark.ink)
            stencil = None
    return np.ascontiguousarray(pixels)
