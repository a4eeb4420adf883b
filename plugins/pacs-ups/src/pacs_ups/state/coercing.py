"""Values of a step that are not as the standard has them: mended, filled in, or refused."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_framework.dicom.matching import datetime_bounds
from pacs_ups.state.datasets import text_of
from pacs_ups.state.model import Code, StepError

__all__ = ["coerced"]

_ENUMERATED = {
    "ScheduledProcedureStepPriority": ("HIGH", "MEDIUM", "LOW"),
    "InputReadinessState": ("INCOMPLETE", "UNAVAILABLE", "READY"),
}
_MOMENTS = (
    "ScheduledProcedureStepStartDateTime",
    "ExpectedCompletionDateTime",
    "ScheduledProcedureStepExpirationDateTime",
)


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
    for keyword in _MOMENTS:
        text = text_of(dataset, keyword)
        bounds = datetime_bounds(text) if text else None
        if text and (bounds is None or bounds.low != bounds.high):
            wrong.append(keyword)
    if wrong:
        raise StepError(Code.INVALID_ATTRIBUTE_VALUE, f"invalid: {', '.join(wrong)}", _tags(wrong))
    return _tags(mended)


def _tags(keywords: list[str]) -> tuple[int, ...]:
    return tuple(tag for tag in map(tag_for_keyword, keywords) if tag is not None)
