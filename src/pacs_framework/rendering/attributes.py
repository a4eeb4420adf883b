"""Values of a header that decide on a picture, checked where they are read.

A header comes from strangers, and pydicom decodes a value when it is looked at: what cannot be
decoded or is no number is an `UnreadableInstance` with the name of the attribute, and without its
value, which may be the patient's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items

from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import UnreadableInstance

__all__ = ["data_of", "integer_of", "items_of", "numbers_of", "text_of", "value_of", "vr_of"]


def value_of(dataset: Dataset, attribute: str | int) -> Any:
    """The value of a keyword or a tag; None where it is absent or empty."""
    try:
        if isinstance(attribute, int):
            element = dataset.get(attribute)
            value = None if element is None else element.value
        else:
            value = dataset.get(attribute)
    except PYDICOM_FAILURES:
        raise _unusable(attribute) from None
    if value is None or (isinstance(value, str | bytes | MultiValue) and not len(value)):
        return None
    return value


def vr_of(dataset: Dataset, keyword: str) -> str:
    """The VR that an element was encoded with; empty where it is absent."""
    return str(dataset[keyword].VR) if keyword in dataset else ""


def numbers_of(dataset: Dataset, attribute: str | int) -> tuple[float, ...]:
    """All values of an attribute, finite; none where it is absent."""
    value = value_of(dataset, attribute)
    if value is None:
        return ()
    several = value if isinstance(value, MultiValue | list | tuple) else (value,)
    try:
        numbers = tuple(float(each) for each in several)
    except (TypeError, ValueError, OverflowError):
        raise _unusable(attribute) from None
    if not all(map(math.isfinite, numbers)):
        raise _unusable(attribute)
    return numbers


def integer_of(dataset: Dataset, attribute: str | int, default: int | None = None) -> int:
    """The one number of an attribute; ``default`` where it is absent, else it has to be there."""
    numbers = numbers_of(dataset, attribute)
    if not numbers and default is not None:
        return default
    if len(numbers) != 1 or int(numbers[0]) != numbers[0]:
        raise _unusable(attribute)
    return int(numbers[0])


def text_of(dataset: Dataset, keyword: str) -> str:
    """The text of an attribute without padding; empty where it is absent."""
    value = value_of(dataset, keyword)
    return "" if value is None else str(value).strip(" \0")


def items_of(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence; none where it is absent."""
    value = value_of(dataset, keyword)
    if value is None:
        return ()
    if not isinstance(value, Items):
        raise _unusable(keyword)
    return value


def data_of(dataset: Dataset, attribute: str | int) -> bytes:
    """The bytes of a binary attribute; empty where it is absent."""
    value = value_of(dataset, attribute)
    if value is None:
        return b""
    if not isinstance(value, bytes):
        raise _unusable(attribute)
    return value


def _unusable(attribute: str | int) -> UnreadableInstance:
    if isinstance(attribute, int):
        attribute = (
            keyword_for_tag(attribute) or f"({attribute >> 16:04x},{attribute & 0xFFFF:04x})"
        )
    return UnreadableInstance(f"{attribute} is missing or not what it has to be")
