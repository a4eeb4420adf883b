"""What subscribers are told of a step: event information (PS3.4 Table CC.2.4-1)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from pacs_framework.dicom.packed import deep_copy
from pacs_ups.state.model import GLOBAL, Event, EventType
from pacs_ups.state.requirements import has_value

__all__ = [
    "CANCEL_KEYS",
    "assigned",
    "cancel_requested",
    "changed",
    "created",
    "restarted",
    "state_report",
]

PROGRESS = "ProcedureStepProgressInformationSequence"
CANCEL_KEYS = (
    "ReasonForCancellation",
    "ProcedureStepDiscontinuationReasonCodeSequence",
    "ContactURI",
    "ContactDisplayName",
)
"""What a request to cancel may say, and is passed on (PS3.4 Table CC.2.2-1)."""

_STATE = ("ProcedureStepState", "InputReadinessState")
_STATION = "ScheduledStationNameCodeSequence"
_HUMANS = "ScheduledHumanPerformersSequence"


def state_report(uid: str, dataset: Dataset) -> Event:
    """Where a step is now, and why it was canceled where that is known."""
    information = _picked(dataset, _STATE)
    for item in dataset.get(PROGRESS) or ():
        information.update(_picked(item, CANCEL_KEYS[:2]))
    return Event(uid=uid, type=EventType.STATE_REPORT, information=information)


def cancel_requested(uid: str, requesting_aet: str, reasons: Dataset) -> Event:
    """Somebody who does not perform the step wants it to be canceled."""
    information = _picked(reasons, CANCEL_KEYS)
    information.RequestingAE = requesting_aet
    return Event(uid=uid, type=EventType.CANCEL_REQUESTED, information=information)


def assigned(uid: str, dataset: Dataset) -> Event:
    """Which station and which human a step is scheduled for."""
    information = _picked(dataset, (_STATION,))
    for item in dataset.get(_HUMANS) or ():
        information.update(
            _picked(item, ("HumanPerformerCodeSequence", "HumanPerformerOrganization"))
        )
        break  # the event has room for one
    return Event(uid=uid, type=EventType.ASSIGNED, information=information)


def created(uid: str, dataset: Dataset) -> list[Event]:
    """A new step, and who it is for where it says so (PS3.4 CC.2.4.3)."""
    events = [state_report(uid, dataset)]
    if has_value(dataset, _STATION) or has_value(dataset, _HUMANS):
        events.append(assigned(uid, dataset))
    return events


def changed(uid: str, before: Dataset, after: Dataset) -> list[Event]:
    """What N-SET did that subscribers are told of (PS3.4 CC.2.4.3)."""
    return list(_changed(uid, before, after))


def _changed(uid: str, before: Dataset, after: Dataset) -> Iterator[Event]:
    def differs(*keywords: str) -> bool:
        return any(before.get(keyword) != after.get(keyword) for keyword in keywords)

    if differs(*_STATE):
        yield state_report(uid, after)
    if differs(_STATION, _HUMANS):
        yield assigned(uid, after)
    if differs(PROGRESS):
        information = _picked(after, (PROGRESS,))
        yield Event(uid=uid, type=EventType.PROGRESS, information=information)


def restarted() -> Event:
    """The provider was restarted, and still has its steps and subscriptions."""
    information = Dataset()
    information.SCPStatus = "RESTARTED"
    information.SubscriptionListStatus = "WARM START"
    information.UnifiedProcedureStepListStatus = "WARM START"
    return Event(uid=GLOBAL, type=EventType.SCP_STATUS_CHANGE, information=information)


def _picked(dataset: Dataset, keywords: tuple[str, ...]) -> Dataset:
    picked = Dataset()
    for keyword in keywords:
        if has_value(dataset, keyword):
            picked[keyword] = dataset[keyword]
    return deep_copy(picked)
