"""Data sets of steps: copied, changed, and between text and bytes."""

from __future__ import annotations

import datetime as dt
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

__all__ = ["copy_of", "moment", "pack", "text_of", "unpack"]


def text_of(dataset: Dataset, keyword: str) -> str:
    """The value of an attribute without padding, several joined by a backslash; or empty."""
    return "\\".join(values_of(dataset[keyword])) if keyword in dataset else ""


def copy_of(dataset: Dataset) -> Dataset:
    """A data set of its own with the same values, items included."""
    copy = Dataset()
    for element in dataset:
        value = element.value
        if element.VR == "SQ":
            value = Items([copy_of(item) for item in value or ()])
        copy.add(DataElement(element.tag, element.VR, value, validation_mode=IGNORE))
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


def moment(when: dt.datetime) -> str:
    """A moment as DT, with its offset from UTC (PS3.5 6.2)."""
    return f"{when:%Y%m%d%H%M%S.%f%z}"


def _data_sets(dataset: Dataset) -> Iterator[Dataset]:
    pending = [dataset]
    while pending:
        current = pending.pop()
        pending.extend(item for each in list(current) if each.VR == "SQ" for item in each.value)
        yield current
