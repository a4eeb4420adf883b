"""Values of a step that are not as the standard has them: mended, filled in, or refused."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag, tag_for_keyword

from pacs_framework.dicom.matching import values_of
from pacs_framework.dicom.moments import is_moment
from pacs_ups.state.datasets import text_of
from pacs_ups.state.model import Code, StepError

__all__ = ["coerced"]

_ENUMERATED = {
    "ScheduledProcedureStepPriority": ("HIGH", "MEDIUM", "LOW"),
    "InputReadinessState": ("INCOMPLETE", "UNAVAILABLE", "READY"),
}


def coerced(dataset: Dataset) -> tuple[int, ...]:
    """Mend enumerated values that are only in the wrong case; the tags of those.

    Raises `StepError` for other values, and for moments that cannot be read.
    """
    mended, wrong = [], []
    for keyword, values in _ENUMERATED.items():
        text = text_of(dataset, keyword)
        if text and text.upper() not in values:
            wrong.append(keyword)
        elif text not in ("", text.upper()):
            setattr(dataset, keyword, text.upper())
            mended.append(keyword)
    wrong += dict.fromkeys(_unreadable_moments(dataset))
    if wrong:
        raise StepError(Code.INVALID_ATTRIBUTE_VALUE, f"invalid: {', '.join(wrong)}", _tags(wrong))
    return _tags(mended)


def _unreadable_moments(dataset: Dataset) -> Iterator[str]:
    """Also in items: what was performed says in one when that was."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _unreadable_moments(item)
        elif element.VR == "DT" and not all(map(is_moment, values_of(element))):
            yield keyword_for_tag(element.tag)


def _tags(keywords: list[str]) -> tuple[int, ...]:
    return tuple(tag for tag in map(tag_for_keyword, keywords) if tag is not None)
