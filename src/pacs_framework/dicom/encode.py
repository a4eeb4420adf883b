"""Data sets encoded, where most elements are written as they were read.

pydicom's writer makes a file object for each element, also for those whose bytes are at hand. Where
nothing but the header of an element has to be put before them, that is done here; all else is left
to pydicom.
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_dataset

from pacs_framework.dicom.elements import Encoding

__all__ = ["encode_elements"]

_CHARACTER_SET = 0x00080005
_SHORT_LENGTH = 0xFFFF
"""What a length of 16 bits holds; longer values of such a VR become UN (PS3.5 6.2.2)."""


def encode_elements(dataset: Dataset, encoding: Encoding) -> bytes:
    """The elements of a data set in their order, without group lengths.

    Raises what pydicom raises.
    """
    if not _is_as_read(dataset, encoding):
        target = _target(encoding)
        write_dataset(target, dataset)
        return target.getvalue()
    declared = dataset.get("SpecificCharacterSet", "iso8859")
    elements = dict(dataset.items())
    return b"".join(
        _encoded(elements[tag], encoding, declared)
        for tag in sorted(elements, key=int)
        if tag & 0xFFFF
    )


def _is_as_read(dataset: Dataset, encoding: Encoding) -> bool:
    """Whether values that are still encoded can stay so."""
    if dataset.original_encoding != (encoding.implicit, encoding.little):
        return False
    declared = dataset.get("SpecificCharacterSet")
    return not declared or convert_encodings(declared) == dataset.original_character_set


def _encoded(
    element: DataElement | RawDataElement, encoding: Encoding, declared: str | list[str]
) -> bytes:
    if isinstance(element, RawDataElement):
        value = element.value or b""
        vr = element.VR or ""
        plain = encoding.implicit or len(vr) == 2
        if plain and len(value) <= _SHORT_LENGTH and element.length <= _SHORT_LENGTH:
            return encoding.header(int(element.tag), vr, len(value)) + value
    target = _target(encoding)
    write_data_element(target, element, declared)
    return target.getvalue()


def _target(encoding: Encoding) -> DicomBytesIO:
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = encoding.implicit, encoding.little
    return target
