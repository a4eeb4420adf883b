"""What an Advanced Blending Presentation State says (PS3.3 C.11.33, C.11.34)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import integer_of, items_of, numbers_of, text_of
from pacs_framework.rendering.presentation.references import (
    ImageReference,
    ImageSet,
    images_in,
    registrations_in,
)
from pacs_framework.rendering.samples import Array

__all__ = ["AdvancedBlending", "Step", "advanced_blending_of", "image_set", "within_thresholds"]

_MOST_INPUTS = 64


@dataclass(frozen=True, slots=True)
class Step:
    """``inputs`` become one: all alike, or, with an ``opacity``, the first upon the second."""

    inputs: tuple[int, ...]
    opacity: float | None


@dataclass(frozen=True, slots=True, eq=False)
class AdvancedBlending:
    """The items of its ``inputs`` by their number, and the ``steps`` that make another number, or
    ``result``, of some of them. The images of the input ``shown`` give the geometry.
    """

    inputs: Mapping[int, Dataset]
    steps: Mapping[int, Step]
    result: Step
    shown: int


def advanced_blending_of(state: Dataset) -> AdvancedBlending:
    """What a state blends. Raises `UnreadableInstance`, also for steps that lead in a circle."""
    items = items_of(state, "AdvancedBlendingSequence")
    inputs = {integer_of(each, "BlendingInputNumber"): each for each in items}
    if not inputs or len(inputs) != len(items) or len(items) > _MOST_INPUTS:
        raise UnreadableInstance(
            f"Advanced Blending Sequence has not 1 to {_MOST_INPUTS} items, each with a number of "
            "its own"
        )
    steps: dict[int, Step] = {}
    results = []
    for item in items_of(state, "BlendingDisplaySequence"):
        if "BlendingInputNumber" not in item:
            results.append(_step(item))
            continue
        number = integer_of(item, "BlendingInputNumber")
        if number in inputs or number in steps:
            raise UnreadableInstance("two inputs of Blending Display Sequence have one number")
        steps[number] = _step(item)
    if len(results) != 1:
        raise UnreadableInstance("Blending Display Sequence has not one item that is displayed")
    _check(results[0], steps, inputs, ())
    return AdvancedBlending(inputs, steps, results[0], _shown(inputs))


def image_set(item: Dataset) -> ImageSet:
    """The images of an input, all of the series where it names none."""
    series = text_of(item, "SeriesInstanceUID")
    images = tuple(images_in(item)) or (ImageReference(series_instance_uid=series),)
    for image in items_of(item, "ReferencedImageSequence"):
        if "ReferencedOpticalPathIdentifier" in image:
            raise UnreadableInstance("the presentation state is for optical paths")
    return ImageSet(images, registrations_in(item))


def within_thresholds(item: Dataset, values: Array) -> Array:
    """Which values of an input are shown: those that any of its thresholds lets pass; all without.

    By C.11.33.1.2.1. Raises `UnreadableInstance`.
    """
    thresholds = items_of(item, "ThresholdSequence")
    shown: Array = np.full(values.shape, not thresholds)
    for each in thresholds:
        shown |= _passing(each, values)
    return shown


def _passing(item: Dataset, values: Array) -> Array:
    kind = text_of(item, "ThresholdType")
    limits = sorted(
        number
        for each in items_of(item, "ThresholdValueSequence")
        for number in numbers_of(each, "ThresholdValue")
    )
    if len(limits) != (2 if kind.startswith("RANGE") else 1):
        raise UnreadableInstance(f"a threshold {kind[:16]!r} of {len(limits)} values")
    low, high = limits[0], limits[-1]
    match kind:
        case "RANGE_INCL":
            found = (values >= low) & (values <= high)
        case "RANGE_EXCL":
            found = (values < low) | (values > high)
        case "GREATER_OR_EQUAL":
            found = values >= low
        case "LESS_OR_EQUAL":
            found = values <= low
        case "GREATER_THAN":
            found = values > low
        case "LESS_THAN":
            found = values < low
        case _:
            raise UnreadableInstance(f"Threshold Type is {kind[:16]!r}, which is not known")
    passing: Array = found
    return passing


def _step(item: Dataset) -> Step:
    inputs = tuple(
        integer_of(each, "BlendingInputNumber")
        for each in items_of(item, "BlendingDisplayInputSequence")
    )
    mode = text_of(item, "BlendingMode")
    if mode == "EQUAL" and inputs:
        return Step(inputs, None)
    opacity = numbers_of(item, "RelativeOpacity")
    if mode != "FOREGROUND" or len(inputs) != 2 or len(opacity) != 1 or not 0 <= opacity[0] <= 1:
        raise UnreadableInstance(
            "a blending step is not EQUAL, nor FOREGROUND of two inputs with a Relative Opacity "
            "between 0 and 1"
        )
    return Step(inputs, opacity[0])


def _check(
    step: Step, steps: Mapping[int, Step], inputs: Mapping[int, Dataset], above: tuple[int, ...]
) -> None:
    for number in step.inputs:
        if number in above:
            raise UnreadableInstance("Blending Display Sequence leads in a circle")
        if number in steps:
            _check(steps[number], steps, inputs, (*above, number))
        elif number not in inputs:
            raise UnreadableInstance(f"there is no blending input {number}")


def _shown(inputs: Mapping[int, Dataset]) -> int:
    """Where none says that it gives the geometry, any may be chosen (C.11.33.1.1): the first is."""
    named = [
        number for number, item in inputs.items() if text_of(item, "GeometryForDisplay") == "TRUE"
    ]
    if len(named) > 1:
        raise UnreadableInstance("several blending inputs give the Geometry for Display")
    return named[0] if named else min(inputs)
