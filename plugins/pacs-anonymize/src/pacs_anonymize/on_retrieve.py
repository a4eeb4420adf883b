"""What a recipient gets to see: the first rule that fits says which view of an instance is sent."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pydicom.uid import UID

from pacs_anonymize.provided import remembered
from pacs_anonymize.settings import RetrieveRule
from pacs_framework.anonymizers.applying import anonymous_answer
from pacs_framework.archive.incoming import Coercion, Refusal
from pacs_framework.archive.outgoing import OutgoingInstance
from pacs_framework.dicom.status import Status
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_anonymize.vault.keeping import Keeper
    from pacs_framework.archive.archive import Archive

__all__ = ["fits", "judge"]


def judge(
    instance: OutgoingInstance,
    archive: Archive,
    rules: Sequence[RetrieveRule],
    *,
    keeper: Keeper | None = None,
) -> Refusal | Coercion | None:
    """The view of an instance by the first rule that fits; the original where none does.

    One that cannot be de-identified is refused. That is an answer, not a failure of this plugin: a
    broken instance must not open its circuit, which would stop all retrieval. With ``keeper`` the
    way back is kept first.
    """
    try:
        rule = next((each for each in rules if fits(each, instance)), None)
        if rule is None or rule.original:
            return None
        if rule.refuse:
            return Refusal(reason=f"no rule lets {instance.recipient.aet!r} have this instance")
        anonymizer = remembered(archive.anonymizers[rule.anonymizer], keeper)
        answer = anonymous_answer(anonymizer, instance.dataset())
    except PacsError as error:
        return Refusal(reason=str(error), status=Status.PROCESSING_FAILURE)
    return Coercion(
        dataset=answer.dataset,
        reason=f"de-identified by {rule.anonymizer}",
        anonymous=True,
        pixels=answer.pixels,
    )


def fits(rule: RetrieveRule, instance: OutgoingInstance) -> bool:
    """Whether every pattern of the rule matches; an empty one asks for nothing.

    Attributes come last: to know them, the stored header is read.
    """
    recipient, uid = instance.recipient, UID(instance.sop_class_uid)
    return (
        _fits(rule.destination, recipient.aet)
        and _fits(rule.calling_aet, recipient.calling_aet)
        and _fits(rule.sop_class, str(uid), uid.keyword)
        and (not rule.modality or _fits(rule.modality, instance.attributes["Modality"]))
        and (not rule.station_name or _fits(rule.station_name, instance.attributes["StationName"]))
    )


def _fits(pattern: str, *values: str) -> bool:
    return not pattern or any(fnmatchcase(value, pattern) for value in values)
