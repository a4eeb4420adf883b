"""What the conformance statement says of instances that are sent on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pynetdicom import AllStoragePresentationContexts
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pacs_framework.conformance.records import (
    Contribution,
    Initiation,
    PublishedSettings,
    Remark,
    StatusMeaning,
    Topic,
)
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, UNCOMPRESSED

if TYPE_CHECKING:
    from pacs_routing.settings import RoutingSettings, Rule

__all__ = ["contributions"]


def contributions(settings: RoutingSettings) -> list[Contribution]:
    """The associations that are opened, and one remark for each rule."""
    if not any(each.peer for each in settings.destination):
        return []
    rules = [
        Remark(topic=Topic.WORKFLOW, text=_text(rule)) for rule in settings.rule if rule.send_to
    ]
    return [_sending(), _echo(), *rules, PublishedSettings(names=("destination", "rule"))]


def _text(rule: Rule) -> str:
    which = f"for which {rule.when} is true" if rule.when else "that are stored"
    said = f"Instances {which} are sent to {' and '.join(rule.send_to)}."
    if not rule.delete_when_committed:
        return said
    return (
        f"{said} Each {rule.complete} is deleted here when {rule.delete_when_committed} has "
        "committed to the storage of all its instances (PS3.4 Annex J)."
    )


def _sending() -> Initiation:
    return Initiation(
        activity="routing by rules",
        when="an instance was stored, or a study came to rest, for which a rule names the peer",
        sop_classes=tuple(sorted({str(c.abstract_syntax) for c in AllStoragePresentationContexts})),
        transfer_syntaxes=TRANSFER_SYNTAXES,
        proposal=(
            "one presentation context for each pair of SOP class and stored transfer syntax of the "
            "instances, with one more for each group that they can be converted to without loss, "
            "and one for what the destination is to get; what waits of a study is sent on one "
            "association"
        ),
        statuses=(
            StatusMeaning(
                status=Status.SUCCESS, when="as every warning, and 0111H: the peer has the instance"
            ),
            StatusMeaning(
                status=Status.OUT_OF_RESOURCES,
                when="as A7xxH: everything for the peer waits, and is sent again later",
            ),
            StatusMeaning(
                status=Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
                when="as A9xxH, CxxxH and 0122H: the instance is given up, for a person to look at",
            ),
            StatusMeaning(
                status=Status.PROCESSING_FAILURE,
                when="as all others: the instance is sent again, as often as is configured",
            ),
        ),
    )


def _echo() -> Initiation:
    return Initiation(
        activity="pacs routing echo",
        when="a person or a script runs the command",
        sop_classes=(str(Verification),),
        transfer_syntaxes=tuple(sorted(UNCOMPRESSED)),
        proposal="one presentation context with all of the transfer syntaxes",
        statuses=(StatusMeaning(status=Status.SUCCESS, when="exit code 0; any other status is 1"),),
    )
