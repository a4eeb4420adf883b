"""Scheduled procedure steps as data sets: one step in each, all text decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator

from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.dicom.charset import UTF_8
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.matching import values_of

__all__ = ["STEPS", "copy_of", "pack", "single_steps", "step_of", "text_of", "unpack", "values"]

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
        # Not the element itself: assigning to an attribute alters that.
        copy.add(DataElement(element.tag, element.VR, element.value, validation_mode=IGNORE))
    return copy


def pack(dataset: Dataset) -> bytes:
    """The encoded form that is stored: explicit VR little endian, in UTF-8.

    Raises `QueryError` for a value that has no encoding.
    """
    text = copy_of(dataset)
    for inner in _data_sets(text):
        inner.pop("SpecificCharacterSet", None)
    text.SpecificCharacterSet = UTF_8
    return encode_identifier(text, ExplicitVRLittleEndian)


def unpack(data: bytes) -> Dataset:
    """The data set of what `pack` made; its values are decoded when they are looked at."""
    dataset = read_dataset(io.BytesIO(data), is_implicit_VR=False, is_little_endian=True)
    assert isinstance(dataset, Dataset)
    return dataset


def _data_sets(dataset: Dataset) -> Iterator[Dataset]:
    """The data set and those of all items in it, decoded on the way."""
    pending = [dataset]
    while pending:
        current = pending.pop()
        for element in list(current):  # decodes each by the character set, before that goes
            if element.VR == "SQ":
                pending.extend(element.value)
        yield current
