"""N-ACTION on steps: action information read, and carried out (PS3.4 CC.2.1 to CC.2.3)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.dicom.packed import deep_copy
from pacs_ups.state.datasets import text_of
from pacs_ups.state.model import Code, Result, StepError

if TYPE_CHECKING:
    from pacs_ups.state.steps import Steps
    from pacs_ups.state.subscribing import Subscriptions

__all__ = ["ActionType", "act"]

_LOCK = {"TRUE": True, "FALSE": False}


class ActionType(IntEnum):
    """Action Type ID."""

    CHANGE_STATE = 1
    REQUEST_CANCEL = 2
    SUBSCRIBE = 3
    UNSUBSCRIBE = 4
    SUSPEND = 5


def act(
    action: ActionType,
    uid: str,
    information: Dataset,
    requesting_aet: str,
    steps: Steps,
    subscriptions: Subscriptions,
) -> Result:
    """Carry one out. Raises `StepError`."""
    match action:
        case ActionType.CHANGE_STATE:
            wanted = text_of(information, "ProcedureStepState")
            return steps.change_state(uid, wanted, text_of(information, "TransactionUID"))
        case ActionType.REQUEST_CANCEL:
            return steps.request_cancel(uid, requesting_aet, information)
        case ActionType.SUBSCRIBE:
            lock = _LOCK.get(text_of(information, "DeletionLock"))
            if lock is None:
                raise StepError(Code.INVALID_ARGUMENT_VALUE, "Deletion Lock is not TRUE or FALSE")
            aet = _receiving_aet(information)
            return subscriptions.subscribe(uid, aet, lock=lock, keys=_keys(information))
        case ActionType.UNSUBSCRIBE:
            return subscriptions.unsubscribe(uid, _receiving_aet(information))
        case ActionType.SUSPEND:
            return subscriptions.suspend(uid, _receiving_aet(information))


def _receiving_aet(information: Dataset) -> str:
    aet = text_of(information, "ReceivingAE")
    if not aet or "\\" in aet:
        raise StepError(Code.INVALID_ARGUMENT_VALUE, "Receiving AE is missing or no AE title")
    return aet


def _keys(information: Dataset) -> Dataset:
    """What is left of a subscription are the keys of a filtered one."""
    keys = deep_copy(information)
    for keyword in ("ReceivingAE", "DeletionLock", "SpecificCharacterSet"):
        keys.pop(keyword, None)
    return keys
