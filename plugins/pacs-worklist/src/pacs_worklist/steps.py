"""Scheduled procedure steps as data sets: one step in each, all text decoded."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import DataElement, Dataset
from pydicom.sequence import Sequence as Items

from pacs_framework.dicom.matching import values_of

__all__ = ["STEPS", "copy_of", "single_steps", "step_of", "text_of", "values"]

STEPS = "ScheduledProcedureStepSequence"


def single_steps(dataset: Dataset) -> Iterator[Dataset]:
    """The data set once for each of its steps, each with a single one (PS3.4 K.6.1.2.2).

    What lies below the top level is shared.
    """
    steps = dataset.get(STEPS) or ()
    if len(steps) < 2:
        yield dataset
        return
    for step in steps:
        single = copy_of(dataset)
        setattr(single, STEPS, Items([step]))
        yield single


def step_of(dataset: Dataset) -> Dataset:
    """The item of Scheduled Procedure Step Sequence (0040,0100); empty where there is none."""
    steps = dataset.get(STEPS)
    return steps[0] if steps else Dataset()


def text_of(dataset: Dataset, keyword: str) -> str:
    """The value of an attribute without padding, several joined by a backslash; or empty."""
    return "\\".join(values(dataset, keyword))


def values(dataset: Dataset, keyword: str) -> list[str]:
    """The values of an attribute as text without padding; none where it is absent or empty."""
    return values_of(dataset[keyword]) if keyword in dataset else []


def copy_of(dataset: Dataset) -> Dataset:
    """A data set of its own with the same values, decoded; items of sequences are shared."""
    copy = Dataset()
    for element in dataset:
        # Not the element itself: assigning to an attribute alters that. Its value stays what it
        # is: pydicom reads what is no value of its VR, and would not let it be put anywhere.
        copy.add(DataElement(element.tag, element.VR, element.value, already_converted=True))
    return copy
