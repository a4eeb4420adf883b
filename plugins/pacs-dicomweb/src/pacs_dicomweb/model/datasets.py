"""DICOM JSON of what is small and in memory: answers to queries, and data sets of pydicom."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from pacs_dicomweb.model.values import (
    BINARY_VRS,
    NUMBER_FORMATS,
    PADDING,
    floating,
    quoted,
    text_values,
    values,
)
from pacs_framework.dicom.depth import DEPTH_LIMIT
from pacs_framework.errors import UnreadableInstance

__all__ = ["ANY_CHARACTER", "dataset_json", "element_json", "text_json"]

ANY_CHARACTER = '{"vr":"CS","Value":["ISO_IR 192"]}'
"""The value of Specific Character Set in JSON, which is UTF-8."""

_CHARACTER_SET = 0x00080005
_PLAIN_VRS = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UI"})


def dataset_json(dataset: Dataset, *, depth: int = 0) -> str:
    """The data set as a JSON object, in the order of tags. Binary values are inline.

    Raises `UnreadableInstance` where sequences are nested deeper than `DEPTH_LIMIT`.
    """
    if depth > DEPTH_LIMIT:
        raise UnreadableInstance(f"sequences are nested more than {DEPTH_LIMIT} levels deep")
    members = [f'"{int(e.tag):08X}":{element_json(e, depth=depth)}' for e in _elements(dataset)]
    return "{" + ",".join(members) + "}"


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    return (element for element in dataset if element.tag.element)


def element_json(element: DataElement, *, depth: int = 0) -> str:
    """One attribute: its VR and its value."""
    vr, value = str(element.VR), element.value
    if element.tag == _CHARACTER_SET:
        return ANY_CHARACTER
    if type(value) is str and vr in _PLAIN_VRS and "\\" not in value:  # most of what is found
        return _plain_json(vr, value)
    if vr == "SQ":
        items = [dataset_json(item, depth=depth + 1) for item in value or ()]
        return f'{{"vr":"SQ","Value":[{",".join(items)}]}}' if items else '{"vr":"SQ"}'
    members = _members(vr, value)
    return f'{{"vr":"{vr}",{members}}}' if members else f'{{"vr":"{vr}"}}'


def text_json(vr: str, text: str) -> str:
    """One attribute of text, as the index has it: several values are joined by a backslash."""
    if vr in _PLAIN_VRS and "\\" not in text:
        return _plain_json(vr, text)
    members = values(text_values(vr, text)) if text else ""
    return f'{{"vr":"{vr}",{members}}}' if members else f'{{"vr":"{vr}"}}'


def _plain_json(vr: str, text: str) -> str:
    text = text.strip(PADDING)
    return f'{{"vr":"{vr}","Value":[{quoted(text)}]}}' if text else f'{{"vr":"{vr}"}}'


def _members(vr: str, value: Any) -> str:
    if value in (None, "", b""):
        return ""
    if vr in BINARY_VRS:
        return f'"InlineBinary":"{b64encode(bytes(value)).decode()}"'
    several = _several(value)
    if vr in NUMBER_FORMATS:
        return values(floating(n) if isinstance(n, float) else str(int(n)) for n in several)
    if vr == "AT":
        return values(f'"{int(BaseTag(tag)):08X}"' for tag in several)
    texts = [str(each) for each in several]
    if vr in {"LT", "ST", "UR", "UT"}:
        return values([quoted(texts[0])])
    return values(text_values(vr, "\\".join(texts)))


def _several(value: Any) -> Iterable[Any]:
    return value if isinstance(value, MultiValue | list | tuple) else (value,)
