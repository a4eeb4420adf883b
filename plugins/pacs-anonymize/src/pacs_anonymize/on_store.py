"""What happens to an instance at the door: the first rule that fits has it de-identified."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pydicom.uid import UID

from pacs_anonymize.settings import StoreRule
from pacs_framework.anonymizers.applying import anonymized
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal
from pacs_framework.dicom.status import Status
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["fits", "judge"]


def judge(
    instance: IncomingInstance, archive: Archive, rules: Sequence[StoreRule]
) -> Refusal | Coercion | None:
    """Have an instance de-identified by the first rule that fits; None where none does.

    One that cannot be is refused with 0110H. That is an answer, not a failure of this plugin: a
    sender of broken instances must not open its circuit, which would turn everybody away.
    """
    rule = next((each for each in rules if fits(each, instance)), None)
    if rule is None:
        return None
    try:
        dataset = anonymized(archive.anonymizers[rule.anonymizer], instance.dataset())
    except PacsError as error:
        return Refusal(reason=str(error), status=Status.PROCESSING_FAILURE)
    return Coercion(dataset=dataset, reason=f"de-identified by {rule.anonymizer}", anonymous=True)


def fits(rule: StoreRule, instance: IncomingInstance) -> bool:
    """Whether every pattern of the rule matches; an empty one asks for nothing."""
    uid = UID(instance.sop_class_uid)
    asked = (
        (rule.calling_aet, (instance.origin.calling_aet,)),
        (rule.called_aet, (instance.origin.called_aet,)),
        (rule.modality, (instance.attributes["Modality"],)),
        (rule.station_name, (instance.attributes["StationName"],)),
        (rule.sop_class, (str(uid), uid.keyword)),
    )
    return all(
        not pattern or any(fnmatchcase(value, pattern) for value in values)
        for pattern, values in asked
    )
