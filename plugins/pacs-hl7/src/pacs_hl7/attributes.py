"""Mapped attributes: as a data set, and as text for the archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

if TYPE_CHECKING:
    from pacs_hl7.mapping import Attribute
    from pacs_hl7.message import Message, Segment
    from pacs_hl7.values import Value

__all__ = ["texts", "write"]


def write(
    dataset: Dataset,
    attributes: Iterable[Attribute],
    message: Message,
    segments: Sequence[Segment],
) -> None:
    """Give ``dataset`` what the message says; what it says nothing of stays. Raises `Fault`."""
    for attribute in attributes:
        value = attribute.read(message, segments)
        if value is not None:
            _set(dataset, attribute.keyword, value)


def texts(
    attributes: Iterable[Attribute], message: Message, segments: Sequence[Segment]
) -> dict[str, str]:
    """Keyword → text of what the message says; empty for what is to be emptied. Raises `Fault`."""
    read = {each.keyword: each.read(message, segments) for each in attributes}
    return {keyword: value for keyword, value in read.items() if isinstance(value, str)}


def _set(dataset: Dataset, keyword: str, value: Value) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    if dictionary_VR(tag) == "SQ":
        setattr(dataset, keyword, [value] if isinstance(value, Dataset) else [])
    elif isinstance(value, str) and "\\" in value and dictionary_VM(tag) != "1":
        setattr(dataset, keyword, value.split("\\"))
    else:
        setattr(dataset, keyword, value)
