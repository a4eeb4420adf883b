"""What happens to an instance at the door: the first rule that fits has it de-identified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pydicom.uid import UID

from pacs_anonymize.provided import remembered
from pacs_anonymize.settings import StoreRule
from pacs_framework.anonymizers.applying import anonymous_answer
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal, Rescue
from pacs_framework.dicom.status import Status
from pacs_framework.errors import ConfigurationError, PacsError

if TYPE_CHECKING:
    from pacs_anonymize.vault.keeping import Keeper
    from pacs_framework.archive.archive import Archive

__all__ = ["fits", "judge"]

_log = structlog.get_logger(__name__)


def judge(
    instance: IncomingInstance,
    archive: Archive,
    rules: Sequence[StoreRule],
    *,
    keeper: Keeper | None = None,
    quarantine: Path | None = None,
) -> Refusal | Coercion | None:
    """Have an instance de-identified, or put back, by the first rule that fits; None: none does.

    One that cannot be is refused with 0110H, and goes to the ``quarantine`` where there is one.
    That is an answer, not a failure of this plugin: a sender of broken instances must not open its
    circuit, which would turn everybody away. With ``keeper`` the way back is kept first.
    """
    place = next((at for at, each in enumerate(rules) if fits(each, instance)), None)
    if place is None:
        return None
    rule = rules[place]
    rescue = None if quarantine is None else _rescue(quarantine, place, rule, instance)
    try:
        if rule.reidentify:
            return _put_back(rule, instance, keeper, rescue)
        anonymizer = remembered(archive.anonymizers[rule.anonymizer], keeper)
        answer = anonymous_answer(anonymizer, instance.dataset())
    except PacsError as error:
        return Refusal(reason=str(error), status=Status.PROCESSING_FAILURE, rescue=rescue)
    return Coercion(
        dataset=answer.dataset,
        reason=f"de-identified by {rule.anonymizer}",
        anonymous=True,
        pixels=answer.pixels,
        rescue=rescue,
    )


def _put_back(
    rule: StoreRule, instance: IncomingInstance, keeper: Keeper | None, rescue: Rescue | None
) -> Coercion:
    # Not above: an archive without such a rule needs none of it.
    from pacs_anonymize.restoring.restoring import Restorer  # noqa: PLC0415

    if keeper is None:
        raise ConfigurationError("no vault is configured: nobody can be put back")
    origin = instance.origin
    who = f"{origin.calling_aet}@{origin.address}"
    restorer = Restorer(keeper.vault, who=who, reason=rule.reason)
    dataset = restorer.restore(instance.dataset())
    return Coercion(dataset=dataset, reason="put back to its patient by the vault", rescue=rescue)


def _rescue(folder: Path, place: int, rule: StoreRule, instance: IncomingInstance) -> Rescue:
    """Puts the instance into quarantine, with what is known of it."""
    # Not above: as long as nothing fails, nothing of it is needed.
    from pacs_anonymize.quarantine.folder import Case, Quarantine  # noqa: PLC0415

    origin = instance.origin

    def put(reason: str, pieces: Iterator[bytes | memoryview]) -> None:
        case = Case(
            reason=reason,
            anonymizer=rule.anonymizer or "reidentify",
            rule=f"on_store {place + 1}",
            door=origin.door,
            calling_aet=origin.calling_aet,
            called_aet=origin.called_aet,
            address=origin.address,
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
        )
        entry = Quarantine(folder).add(case, pieces)
        _log.warning("an instance is in quarantine", id=entry.id, reason=reason, times=entry.times)

    return put


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
