"""Data sets as they are kept in tables of plugins: explicit VR little endian, in UTF-8.

Whoever sent one named its own character set, and several in one table are compared and searched.
"""

from __future__ import annotations

import io

from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.dicom.charset import UTF_8, data_sets
from pacs_framework.dicom.identifier import encode_identifier

__all__ = ["deep_copy", "pack", "unpack"]


def deep_copy(dataset: Dataset) -> Dataset:
    """A data set of its own with the same values, decoded; items included."""
    copy = Dataset()
    for element in dataset:
        value = element.value
        if element.VR == "SQ":
            value = Items([deep_copy(item) for item in value or ()])
        # Not the element itself: assigning to an attribute alters that.
        copy.add(DataElement(element.tag, element.VR, value, validation_mode=IGNORE))
    return copy


def pack(dataset: Dataset) -> bytes:
    """The encoded form that is kept; ``dataset`` stays as it is.

    Raises `QueryError` for a value that has no encoding.
    """
    text = deep_copy(dataset)
    for inner in data_sets(text):
        inner.pop("SpecificCharacterSet", None)
    text.SpecificCharacterSet = UTF_8
    return encode_identifier(text, ExplicitVRLittleEndian)


def unpack(data: bytes) -> Dataset:
    """The data set of bytes in that form; its values are decoded when they are looked at."""
    dataset = read_dataset(io.BytesIO(data), is_implicit_VR=False, is_little_endian=True)
    assert isinstance(dataset, Dataset)
    return dataset
