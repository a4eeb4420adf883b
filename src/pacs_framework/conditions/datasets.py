"""The values of a data set as conditions are asked about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement

from pacs_framework.conditions.kinds import SEQUENCE, Kind
from pacs_framework.conditions.subjects import Subject
from pacs_framework.dicom.matching import values_of
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES

__all__ = ["DataSetFacts", "values_in"]


class DataSetFacts:
    """A data set alone (see `Facts`)."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def values(self, subject: Subject) -> Sequence[str | None]:
        """The values of an attribute."""
        return values_in(self._dataset, subject)


def values_in(dataset: Dataset, subject: Subject) -> list[str | None]:
    """The values of an attribute, in all items on the way, as `Facts` gives them; never raises.

    What can only be asked for its existence is not decoded: of a sequence there is one value for
    each item, of bytes one.
    """
    return list(_values(dataset, subject.tags, subject.kind))


def _values(dataset: Dataset, tags: Sequence[int], kind: Kind) -> Iterator[str | None]:
    tag, *further = tags
    try:
        if further or kind is SEQUENCE:
            for item in _items(dataset.get(tag)):
                yield from _values(item, further, kind) if further else ("(item)",)
        elif kind.literal is None:
            if tag in dataset and _has_value(dataset.get_item(tag)):
                yield "(bytes)"
        else:
            yield from _texts(dataset.get(tag))
    except PYDICOM_FAILURES:
        yield None


def _items(element: DataElement | None) -> Iterable[Dataset]:
    if element is None:
        return ()
    if element.VR != "SQ" and not element.is_empty:
        raise TypeError(f"{element.tag} is {element.VR} here, not a sequence")
    return element.value or ()


def _has_value(element: DataElement | RawDataElement) -> bool:
    return element.length != 0 if isinstance(element, RawDataElement) else not element.is_empty


def _texts(element: DataElement | None) -> Sequence[str | None]:
    if element is None:
        return ()
    value: Any = element.value
    if element.VR == "SQ":  # where the dictionary has another VR
        return [None] if value else []
    if isinstance(value, bytes):  # of no text, or of a private attribute whose VR is not known
        text = value.decode("ascii", "replace").strip(" \0")
        return text.split("\\") if text else []
    return values_of(element)
