"""What the conformance statement says of performed procedure steps."""

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
from pacs_mpps.commands.telling import create
from pacs_mpps.model import MPPS, NOTIFICATION
from pacs_mpps.service import MppsService, RetrieveService

if TYPE_CHECKING:
    from pacs_mpps.settings import MppsSettings

__all__ = ["contributions"]

_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))


def contributions(settings: MppsSettings) -> list[Contribution]:
    """As SCP of two SOP classes, and what is sent to peers."""
    return [
        _as_scp(settings),
        _retrieve(),
        *([_forwarded()] if settings.forward_to else []),
        *([_notified()] if settings.notify else []),
        _commands(),
        PublishedSettings(names=("strict", "forward_to", "notify", "give_up_after")),
    ]


def _as_scp(settings: MppsSettings) -> ServiceConformance:
    type_2 = (
        "An N-CREATE without Type 2 attributes is refused."
        if settings.strict
        else (
            "Type 2 attributes that an N-CREATE lacks are taken as empty; a step may be "
            "discontinued without a series."
        )
    )
    return ServiceConformance(
        service=MppsService.name,
        role=Role.SCP,
        title="Modality Performed Procedure Step",
        behaviour=(
            (
                "N-CREATE is accepted with the status IN PROGRESS only; N-SET changes a step until "
                "it is COMPLETED or DISCONTINUED. Sequences are replaced as a whole. A step is "
                "durable when it is acknowledged."
            ),
            f"Attributes are checked by PS3.4 Table F.7.2-1. {type_2}",
            (
                "Attributes beyond the table are kept, private ones too if their creator is named. "
                "An attribute that N-SET may not give is ignored where it says nothing new."
            ),
            (
                "The worklist follows where it is served here: a step that is scheduled becomes "
                "started, completed or discontinued, by Study Instance UID or Accession Number and "
                "Scheduled Procedure Step ID."
            ),
            (
                "A study is complete when no step of it is IN PROGRESS and every instance that its "
                "COMPLETED steps list is stored."
            ),
        ),
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="the step is kept, durably"),
            StatusMeaning(
                status=Status.ATTRIBUTE_LIST_ERROR,
                when="attributes that no dictionary has were not kept; all else was",
            ),
            StatusMeaning(
                status=Status.NO_SUCH_ATTRIBUTE,
                when="N-SET changes an attribute that it may not give",
            ),
            StatusMeaning(
                status=Status.INVALID_ATTRIBUTE_VALUE,
                when="the status is another one, or a UID, date or time cannot be read",
            ),
            StatusMeaning(
                status=Status.PROCESSING_FAILURE,
                when="with Error ID A710H: the step may no longer be updated",
            ),
            StatusMeaning(status=Status.DUPLICATE_SOP_INSTANCE, when="there is such a step"),
            StatusMeaning(status=Status.NO_SUCH_SOP_INSTANCE, when="there is no such step"),
            StatusMeaning(status=Status.MISSING_ATTRIBUTE, when="a required attribute is missing"),
            StatusMeaning(
                status=Status.MISSING_ATTRIBUTE_VALUE, when="a Type 1 attribute has no value"
            ),
        ),
    )


def _retrieve() -> ServiceConformance:
    return ServiceConformance(
        service=RetrieveService.name,
        role=Role.SCP,
        title="Modality Performed Procedure Step Retrieve",
        behaviour=("N-GET answers with the attributes that are asked for, or with all.",),
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="all that was asked for is there"),
            StatusMeaning(
                status=Status.OPTIONAL_ATTRIBUTES_NOT_SUPPORTED,
                when="the step lacks some of it, which are listed",
            ),
            StatusMeaning(status=Status.NO_SUCH_SOP_INSTANCE, when="there is no such step"),
        ),
    )


def _forwarded() -> Initiation:
    return Initiation(
        activity="forwarding of performed procedure steps",
        when="a step was created or changed, and peers are named in `forward_to`",
        sop_classes=(MPPS,),
        transfer_syntaxes=_SYNTAXES,
        proposal="one presentation context; what is due is sent on one association, in order",
        statuses=(
            StatusMeaning(
                status=Status.SUCCESS,
                when="as 0111H, and Error ID A710H: the peer has what was sent",
            ),
            StatusMeaning(
                status=Status.PROCESSING_FAILURE, when="as most failures: sent again later"
            ),
            StatusMeaning(
                status=Status.MISSING_ATTRIBUTE,
                when="as 0105H, 0106H, 0112H, 0117H, 0121H, 0122H: given up",
            ),
        ),
    )


def _notified() -> Initiation:
    return Initiation(
        activity="notification of performed procedure steps",
        when="a step has a new status, and peers are named in `notify`",
        sop_classes=(NOTIFICATION,),
        transfer_syntaxes=_SYNTAXES,
        proposal="one presentation context, in which the archive proposes to be SCP",
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="as every warning: the peer was told"),
            StatusMeaning(
                status=Status.PROCESSING_FAILURE, when="as most failures: sent again later"
            ),
        ),
    )


def _commands() -> Initiation:
    return Initiation(
        activity="pacs mpps create, complete, discontinue and send",
        when="a person or a script runs the command",
        sop_classes=(MPPS,),
        transfer_syntaxes=_SYNTAXES,
        proposal="one presentation context",
        calling_aet=next(str(p.default) for p in create.params if p.name == "aet"),
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="as every warning: exit code 0"),
            StatusMeaning(status=Status.PROCESSING_FAILURE, when="as every failure: exit code 1"),
        ),
    )
