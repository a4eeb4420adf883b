"""What the conformance statement says of unified procedure steps (PS3.4 Annex CC)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_VR

from pacs_framework.conformance.records import (
    Contribution,
    Initiation,
    Matching,
    PublishedSettings,
    QueryKey,
    Role,
    ServiceConformance,
    StatusMeaning,
)
from pacs_framework.dicom.status import Status
from pacs_framework.errors import QueryError
from pacs_ups.commands.opening import OUR_AET
from pacs_ups.reporting import EVENT, SYNTAXES
from pacs_ups.service import PullService, PushService, QueryService, WatchService
from pacs_ups.state.model import Code
from pacs_ups.state.requirements import TABLE
from pacs_ups.state.steps import PUSH

if TYPE_CHECKING:
    from pacs_ups.settings import UpsSettings
    from pacs_ups.state.requirements import Requirement

__all__ = ["contributions"]

_LEVEL = "Unified Procedure Step"
_SINGLE, _UNIVERSAL = Matching.SINGLE_VALUE, Matching.UNIVERSAL
_KINDS = {
    "SQ": (Matching.SEQUENCE, _UNIVERSAL),
    "UI": (_SINGLE, Matching.UID_LIST, _UNIVERSAL),
    "DA": (_SINGLE, Matching.RANGE, _UNIVERSAL),
    "DT": (_SINGLE, Matching.RANGE, _UNIVERSAL),
    "US": (_SINGLE, Matching.VALUE_LIST, _UNIVERSAL),
}
_TEXT = (_SINGLE, Matching.VALUE_LIST, Matching.WILDCARD, _UNIVERSAL)

_WHEN = {
    Code.SUCCESS: "it is done, durably",
    Code.OPTIONAL_ATTRIBUTES_NOT_SUPPORTED: "the step does not have all that was asked for",
    Code.CREATED_WITH_MODIFICATIONS: (
        "the step was created; Worklist Label was filled in, or an enumerated value was put into "
        "upper case"
    ),
    Code.DELETION_LOCK_NOT_GRANTED: "`deletion_locks` is off; the AE is subscribed without one",
    Code.ALREADY_CANCELED: "the step is CANCELED already",
    Code.COERCED_INVALID_VALUES: "an enumerated value was put into upper case",
    Code.ALREADY_COMPLETED: "the step is COMPLETED already",
    Code.NO_SUCH_ATTRIBUTE: "an attribute that N-SET may not set",
    Code.INVALID_ATTRIBUTE_VALUE: "an attribute has a value that it cannot have",
    Code.DUPLICATE_INSTANCE: "there is a step with this SOP Instance UID",
    Code.INVALID_ARGUMENT_VALUE: "action information is missing or makes no sense",
    Code.INVALID_INSTANCE: "the SOP Instance UID is a well-known one, or none",
    Code.MISSING_ATTRIBUTE: "an attribute of Type 1 or 2 is missing",
    Code.MISSING_ATTRIBUTE_VALUE: "an attribute of Type 1 has no value",
    Code.OUT_OF_RESOURCES: "more steps match than `max_answers` allows",
    Code.MAY_NO_LONGER_BE_UPDATED: "the step is COMPLETED or CANCELED",
    Code.WRONG_TRANSACTION_UID: "the Transaction UID is not that of the step",
    Code.ALREADY_IN_PROGRESS: "the step is IN PROGRESS already",
    Code.SCHEDULED_ONLY_BY_CREATION: "a change of state to SCHEDULED",
    Code.FINAL_STATE_REQUIREMENTS_NOT_MET: "the step lacks what its final state demands",
    Code.NO_SUCH_STEP: "there is no such step",
    Code.UNKNOWN_RECEIVING_AE: "no peer of the configuration has the AE title",
    Code.NOT_SCHEDULED: "Procedure Step State is not SCHEDULED",
    Code.NOT_YET_IN_PROGRESS: "the step is not IN PROGRESS yet",
    Code.ALREADY_COMPLETED_NO_CANCEL: "the step is COMPLETED",
    Code.PERFORMER_CANNOT_BE_CONTACTED: "nobody is subscribed to a step that is IN PROGRESS",
    Code.PERFORMER_CHOOSES_NOT_TO_CANCEL: "the archive performs the step itself (`pacs ups claim`)",
    Code.NOT_APPROPRIATE_FOR_INSTANCE: "an action for single steps on a well-known instance",
    Code.NO_EVENT_REPORTS: "`event_reports` is off",
}
_GET = (Code.SUCCESS, Code.OPTIONAL_ATTRIBUTES_NOT_SUPPORTED, Code.NO_SUCH_STEP)
_CANCEL = (
    Code.ALREADY_CANCELED,
    Code.ALREADY_COMPLETED_NO_CANCEL,
    Code.PERFORMER_CANNOT_BE_CONTACTED,
    Code.PERFORMER_CHOOSES_NOT_TO_CANCEL,
    Code.NOT_APPROPRIATE_FOR_INSTANCE,
)
_CREATE = (
    Code.CREATED_WITH_MODIFICATIONS,
    Code.INVALID_ATTRIBUTE_VALUE,
    Code.DUPLICATE_INSTANCE,
    Code.INVALID_INSTANCE,
    Code.MISSING_ATTRIBUTE,
    Code.MISSING_ATTRIBUTE_VALUE,
    Code.NOT_SCHEDULED,
)
_PERFORM = (
    Code.ALREADY_CANCELED,
    Code.COERCED_INVALID_VALUES,
    Code.ALREADY_COMPLETED,
    Code.NO_SUCH_ATTRIBUTE,
    Code.INVALID_ATTRIBUTE_VALUE,
    Code.INVALID_ARGUMENT_VALUE,
    Code.MISSING_ATTRIBUTE_VALUE,
    Code.MAY_NO_LONGER_BE_UPDATED,
    Code.WRONG_TRANSACTION_UID,
    Code.ALREADY_IN_PROGRESS,
    Code.SCHEDULED_ONLY_BY_CREATION,
    Code.FINAL_STATE_REQUIREMENTS_NOT_MET,
    Code.NOT_YET_IN_PROGRESS,
    Code.NOT_APPROPRIATE_FOR_INSTANCE,
)
_SUBSCRIBE = (
    Code.DELETION_LOCK_NOT_GRANTED,
    Code.INVALID_ARGUMENT_VALUE,
    Code.UNKNOWN_RECEIVING_AE,
    Code.NO_EVENT_REPORTS,
)
_FIND = (
    StatusMeaning(status=Status.PENDING, when="a match"),
    StatusMeaning(
        status=Status.PENDING_KEYS_NOT_SUPPORTED,
        when="a match; the identifier has private keys, which come back empty",
    ),
    StatusMeaning(status=Status.CANCEL, when="a C-CANCEL ended the answers"),
    StatusMeaning(status=Code.OUT_OF_RESOURCES, when=_WHEN[Code.OUT_OF_RESOURCES]),
    StatusMeaning(status=QueryError.status, when="the identifier cannot be decoded"),
)


def contributions(settings: UpsSettings) -> list[Contribution]:
    """Four services, the reports of the fifth SOP class, and commands that call peers."""
    return [
        _push(),
        _pull(settings),
        _watch(settings),
        ServiceConformance(
            service=QueryService.name,
            role=Role.SCP,
            title="Unified Procedure Step – Query",
            behaviour=(_limit(settings),),
            statuses=(StatusMeaning(status=Code.SUCCESS, when="all matches were sent"), *_FIND),
            keys=_keys(),
        ),
        _reports(),
        _commands(),
        PublishedSettings(
            names=(
                "max_answers",
                "worklist_label",
                "keep_ended",
                "event_reports",
                "deletion_locks",
                "fallback_aets",
                "give_up_after",
                "retrieve_aet",
                "perform_attempts",
            )
        ),
    ]


def _push() -> ServiceConformance:
    return ServiceConformance(
        service=PushService.name,
        role=Role.SCP,
        title="Unified Procedure Step – Push",
        behaviour=(
            (
                "Every attribute of PS3.4 Table CC.2.5-3 that is of Type 1 or 2 has to be there. "
                "A Worklist Label that is empty is filled in. Whoever creates a step is not "
                "subscribed to it by that."
            ),
            (
                "A request to cancel a step that is SCHEDULED cancels it. What its final state "
                "demands and the request does not say is filled in: the moment, and 110513, DCM, "
                '"Discontinued for unspecified reason".'
            ),
        ),
        statuses=_statuses(*_GET, *_CREATE, *_CANCEL),
    )


def _pull(settings: UpsSettings) -> ServiceConformance:
    return ServiceConformance(
        service=PullService.name,
        role=Role.SCP,
        title="Unified Procedure Step – Pull",
        behaviour=(
            (
                "Of several that claim a step, one gets it. A step that is canceled without a "
                "moment or a reason gets both, as with Push."
            ),
            (
                f"A step that is over is kept for {settings.keep_ended:g} s, and longer while "
                "a subscriber holds a deletion lock."
            ),
            (
                "A step that a plugin of the archive wants, and whose Input Readiness State is "
                "READY, is claimed by the archive when it is due; it is canceled on request, and "
                f"when {settings.perform_attempts} attempts have failed."
            ),
            _limit(settings),
        ),
        statuses=(*_statuses(*_GET, *_PERFORM), *_FIND),
        keys=_keys(),
    )


def _watch(settings: UpsSettings) -> ServiceConformance:
    granted = "are granted" if settings.deletion_locks else "are not granted (B301H)"
    return ServiceConformance(
        service=WatchService.name,
        role=Role.SCP,
        title="Unified Procedure Step – Watch",
        behaviour=(
            (
                "Single, global and filtered global subscriptions; an AE has one of the latter "
                f"two. Deletion locks {granted}, and are never taken away."
            ),
            _limit(settings),
        ),
        statuses=(*_statuses(*_GET, *_CANCEL, *_SUBSCRIBE), *_FIND),
        keys=_keys(),
    )


def _reports() -> Initiation:
    return Initiation(
        activity="event reports of unified procedure steps",
        when=(
            "something happened to a step that an AE is subscribed to, or the archive was "
            "restarted; reports to an AE go in order, and are tried again until they are taken "
            "or given up"
        ),
        sop_classes=(EVENT,),
        transfer_syntaxes=SYNTAXES,
        proposal="one presentation context, in which the archive proposes to be SCP",
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="as every warning: the peer has the report"),
            StatusMeaning(
                status=Status.PROCESSING_FAILURE, when="as every failure: sent again later"
            ),
        ),
    )


def _commands() -> Initiation:
    return Initiation(
        activity="pacs ups --peer",
        when="a person or a script runs one of its commands for a peer",
        sop_classes=(PUSH, PullService.sop_class),
        transfer_syntaxes=SYNTAXES,
        proposal="both SOP classes, each in one presentation context",
        calling_aet=OUR_AET,
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="it is done; warnings are printed"),
            StatusMeaning(status=Status.PROCESSING_FAILURE, when="as every failure: exit code 1"),
        ),
    )


def _limit(settings: UpsSettings) -> str:
    if not settings.max_answers:
        return "The number of answers to a query is not limited."
    return f"A query that more than {settings.max_answers} steps match fails with A700H."


def _statuses(*codes: Code) -> tuple[StatusMeaning, ...]:
    return tuple(StatusMeaning(status=code, when=_WHEN[code]) for code in codes)


def _keys() -> tuple[QueryKey, ...]:
    """Every attribute can be a key; these are the ones of the table."""
    return tuple(_key(row) for row in TABLE if row.match != "-" or row.returned != "-")


def _key(row: Requirement) -> QueryKey:
    vr = dictionary_VR(row.tag)
    return QueryKey(
        level=_LEVEL,
        tag=row.tag,
        keyword=row.keyword,
        vr=vr,
        key_type="O" if row.match == "-" else row.match,
        matching=_KINDS.get(vr, _TEXT),
    )
