"""Steps as bytes: explicit VR little endian, text beyond ASCII in UTF-8."""

from __future__ import annotations

import io
from collections.abc import Iterator

from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.dicom.charset import UTF_8
from pacs_framework.dicom.identifier import encode_identifier

__all__ = ["encoded", "merged", "pack", "unpack"]

_CHARSET = "SpecificCharacterSet"
_SYNTAX = str(ExplicitVRLittleEndian)


def pack(dataset: Dataset) -> bytes:
    """The encoded form that is stored. ``dataset`` is decoded; its character set becomes UTF-8.

    Raises `QueryError` for a value that has no encoding.
    """
    inner = [each for each in _data_sets(dataset) if _CHARSET in each]
    for each in inner:
        del each[_CHARSET]
    if inner:
        dataset.SpecificCharacterSet = UTF_8
    return encoded(dataset)


def encoded(dataset: Dataset) -> bytes:
    """As it is, in the character set that it names. Raises `QueryError`."""
    return encode_identifier(dataset, _SYNTAX)


def unpack(data: bytes) -> Dataset:
    """The data set of what `pack` or `encoded` made; values are decoded when they are looked at."""
    dataset = read_dataset(io.BytesIO(data), is_implicit_VR=False, is_little_endian=True)
    assert isinstance(dataset, Dataset)
    return dataset


def merged(before: Dataset, changes: Dataset) -> Dataset:
    """``before`` with each attribute of ``changes`` in place of its own; sequences as a whole."""
    if before.get(_CHARSET) != changes.get(_CHARSET):
        before.walk(lambda _dataset, _element: None)  # decodes, before the character set changes
    for element in changes:
        before[element.tag] = element
    return before


def _data_sets(dataset: Dataset) -> Iterator[Dataset]:
    pending = [dataset]
    while pending:
        current = pending.pop()
        yield current
        for element in list(current.values()):
            # As it was read, because most are written so again; only sequences are decoded.
            if element.VR == "SQ":
                pending.extend(current[element.tag].value or ())
