"""Values of data sets that peers have sent, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.dicom.matching import values_of

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["number_of", "text_of", "texts_of"]


def texts_of(dataset: Dataset, keyword: str) -> list[str]:
    """The values of an attribute without padding; none where it is absent or empty."""
    return values_of(dataset[keyword]) if keyword in dataset else []


def text_of(dataset: Dataset, keyword: str) -> str:
    """The same as one text, several joined by a backslash; or empty."""
    return "\\".join(texts_of(dataset, keyword))


def number_of(dataset: Dataset, keyword: str) -> int | None:
    """A number of things; None where it is none, or nobody says it."""
    try:
        number = int(text_of(dataset, keyword))
    except ValueError:
        return None
    return number if number >= 0 else None
