"""What the conformance statement says of storage commitment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.conformance.records import (
    Contribution,
    Initiation,
    PublishedSettings,
    Role,
    ServiceConformance,
    StatusMeaning,
)
from pacs_framework.dicom.status import Status
from pacs_storage_commitment.command import request
from pacs_storage_commitment.model import PUSH_MODEL, FailureReason
from pacs_storage_commitment.service import CommitmentService

if TYPE_CHECKING:
    from pacs_storage_commitment.settings import CommitmentSettings

__all__ = ["contributions"]

_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_REASONS = {
    FailureReason.PROCESSING_FAILURE: "its bytes are not those that were taken in, or are lost",
    FailureReason.NO_SUCH_OBJECT_INSTANCE: "it is not in the archive",
    FailureReason.CLASS_INSTANCE_CONFLICT: "it is here in another SOP class",
    FailureReason.SOP_CLASS_NOT_SUPPORTED: "it is not here, and its SOP class is none of storage",
    FailureReason.DUPLICATE_TRANSACTION_UID: (
        "the Transaction UID was used for other instances, or by another AE"
    ),
    FailureReason.RESOURCE_LIMITATION: "the storage did not give its bytes, three times",
}
_SUCCESS = StatusMeaning(status=Status.SUCCESS, when="the transaction is kept, durably")
_INVALID = StatusMeaning(
    status=Status.INVALID_ARGUMENT_VALUE, when="what a Type 1 attribute should say is missing"
)


def contributions(settings: CommitmentSettings) -> list[Contribution]:
    """As SCP and as SCU."""
    return [
        _as_scp(settings),
        _as_scu(),
        _reports(),
        _requests(),
        PublishedSettings(
            names=("max_instances", "same_association", "report_timeout", "give_up_after")
        ),
    ]


def _as_scp(settings: CommitmentSettings) -> ServiceConformance:
    where = (
        "The report is sent on the association of the request while the peer keeps it open, else on"
        if settings.same_association
        else "The report is sent on"
    )
    reasons = "; ".join(f"{reason:04X}H: {text}" for reason, text in _REASONS.items())
    return ServiceConformance(
        service=CommitmentService.name,
        role=Role.SCP,
        title="Storage Commitment Push Model",
        behaviour=(
            (
                "Every instance is looked up in the index, and every stored byte is read and held "
                "against the digests of its arrival. The archive answers for what passes until it "
                "is deleted."
            ),
            (
                f"{where} one of its own to the configured peer with the AE title of the "
                "requestor, with role negotiation; it is tried again with growing pauses, also "
                "after a restart."
            ),
            f"Failure Reason of an instance: {reasons}.",
            (
                "The same request again is done anew, once it was reported. Storage media "
                "file-sets are not taken."
            ),
        ),
        statuses=(
            _SUCCESS,
            _INVALID,
            StatusMeaning(status=Status.NO_SUCH_ACTION, when="the Action Type ID is not 1"),
            StatusMeaning(
                status=Status.NO_SUCH_SOP_INSTANCE, when="it is not the well-known SOP Instance"
            ),
            StatusMeaning(
                status=Status.RESOURCE_LIMITATION, when="more than `max_instances` instances"
            ),
        ),
    )


def _as_scu() -> ServiceConformance:
    return ServiceConformance(
        service=CommitmentService.name,
        role=Role.SCU,
        title="Reports of peers that were asked",
        behaviour=(
            (
                "N-EVENT-REPORT is taken from a peer that is SCP by role negotiation. The first "
                "report of a transaction counts; an instance that it does not name has failed."
            ),
        ),
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="the report is kept, durably"),
            StatusMeaning(
                status=Status.INVALID_ARGUMENT_VALUE,
                when="nothing was asked under its Transaction UID, or it lacks attributes",
            ),
            StatusMeaning(status=Status.NO_SUCH_EVENT_TYPE, when="Event Type ID is not 1 or 2"),
        ),
    )


def _reports() -> Initiation:
    return Initiation(
        activity="reports of storage commitment",
        when="a transaction is checked, and the association of its request is over",
        sop_classes=(PUSH_MODEL,),
        transfer_syntaxes=_SYNTAXES,
        proposal="one presentation context, in which the archive proposes to be SCP",
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="as every warning: the peer has its report"),
            StatusMeaning(
                status=Status.PROCESSING_FAILURE, when="as every failure: sent again later"
            ),
        ),
    )


def _requests() -> Initiation:
    return Initiation(
        activity="pacs commitment request",
        when="a person or a script runs the command",
        sop_classes=(PUSH_MODEL,),
        transfer_syntaxes=_SYNTAXES,
        proposal="one presentation context",
        calling_aet=next(str(p.default) for p in request.params if p.name == "aet"),
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="the report is waited for"),
            StatusMeaning(status=Status.PROCESSING_FAILURE, when="as every failure: exit code 1"),
        ),
    )
