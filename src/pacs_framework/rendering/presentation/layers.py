"""Graphic layers, and the overlays in them (PS3.3 C.10.7, C.11.7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from pacs_framework.rendering.attributes import integer_of, items_of, text_of
from pacs_framework.rendering.overlays import OVERLAY_GROUPS, overlay_groups
from pacs_framework.rendering.presentation.colours import WHITE, Ink, ink_of
from pacs_framework.rendering.presentation.shutters import shutter_group

__all__ = ["Layer", "active_overlays", "layers_of", "unnamed_layer"]

_ACTIVATION = 0x1001
_OVER_ALL = 1 << 31


@dataclass(frozen=True, slots=True)
class Layer:
    """``order``: higher ones are drawn over lower ones. ``ink`` is for what names no other."""

    name: str
    order: int
    ink: Ink


def layers_of(state: Dataset) -> dict[str, Layer]:
    """The layers of a state by their name, in the order in which they are drawn.

    Raises `UnreadableInstance`.
    """
    found = [_layer(item) for item in items_of(state, "GraphicLayerSequence")]
    return {layer.name: layer for layer in sorted(found, key=lambda layer: layer.order)}


def unnamed_layer(name: str) -> Layer:
    """For what is in a layer that the state does not describe: over all others, and not lost."""
    return Layer(name, _OVER_ALL, WHITE)


def _layer(item: Dataset) -> Layer:
    recommended = "GraphicLayerRecommendedDisplay"
    ink = ink_of(item, f"{recommended}CIELabValue", f"{recommended}GrayscaleValue")
    order = integer_of(item, "GraphicLayerOrder", default=0)
    return Layer(text_of(item, "GraphicLayer"), order, ink or WHITE)


def active_overlays(state: Dataset, header: Dataset) -> Iterator[tuple[int, str, Dataset]]:
    """The overlays that are shown: group, name of the layer, and the data set that has the plane.

    Without an activation layer none is, be it in the image (C.11.7).
    """
    of_state = overlay_groups(state)
    for group in OVERLAY_GROUPS:
        element = state.get(group << 16 | _ACTIVATION)
        layer = "" if element is None else str(element.value or "").strip()
        if layer and group != shutter_group(state):
            yield group, layer, state if group in of_state else header
