"""The rules, as one function of an instance and the settings: easy to read, easy to test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal
from pacs_framework.dicom.status import Status

if TYPE_CHECKING:
    from pacs_samplename.settings import Settings

__all__ = ["judge"]


def judge(instance: IncomingInstance, settings: Settings) -> Refusal | Coercion | None:
    """What becomes of ``instance``; None keeps it byte for byte as it was sent.

    The reason goes to the log; that of a Refusal to the peer as well. So it names attributes and
    never their values.
    """
    dataset = instance.dataset()  # a copy of our own, up to the pixel data
    missing = [
        keyword
        for keyword in settings.required
        if keyword not in dataset or dataset[keyword].is_empty
    ]
    if missing:
        return Refusal(
            reason=f"lacks {', '.join(missing)}",
            status=Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
        )
    if settings.institution and not dataset.get("InstitutionName"):
        dataset.InstitutionName = settings.institution
        return Coercion(dataset=dataset, reason="filled in Institution Name")
    return None
