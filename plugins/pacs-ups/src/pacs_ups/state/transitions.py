"""Which change of state may follow which (PS3.4 Table CC.1.1-2), and what is filled in for it."""

from __future__ import annotations

import datetime as dt

from pydicom import Dataset

from pacs_ups.state.datasets import moment
from pacs_ups.state.events import CANCEL_KEYS, PROGRESS
from pacs_ups.state.model import Code, State
from pacs_ups.state.requirements import has_value

__all__ = ["fill_cancellation", "verdict"]

_CONTACT = "ProcedureStepCommunicationsURISequence"
_REASON = "ProcedureStepDiscontinuationReasonCodeSequence"
_ENDED = {State.COMPLETED: Code.ALREADY_COMPLETED, State.CANCELED: Code.ALREADY_CANCELED}


def verdict(current: State, wanted: State, *, correct: bool) -> Code:
    """What becomes of a request: SUCCESS, to do it, or why not.

    ``correct``: its Transaction UID is the one that locks the step, or a first one.
    """
    if wanted is State.SCHEDULED:
        return Code.SCHEDULED_ONLY_BY_CREATION
    if not correct:
        return Code.WRONG_TRANSACTION_UID
    if current.final:
        return _ENDED[current] if current is wanted else Code.MAY_NO_LONGER_BE_UPDATED
    starts = wanted is State.IN_PROGRESS
    if current is State.SCHEDULED:
        return Code.SUCCESS if starts else Code.NOT_YET_IN_PROGRESS
    return Code.ALREADY_IN_PROGRESS if starts else Code.SUCCESS


def fill_cancellation(dataset: Dataset, when: dt.datetime, reasons: Dataset) -> None:
    """Give a step that is canceled what its final state demands and nobody told.

    The moment is now (PS3.4 Table CC.2.5-3). The reason is that of who asked for it, else
    *unspecified* (PS3.16 CID 9300), since a step may be canceled without any N-SET (CC.2.5.1.3.2).
    """
    if not has_value(dataset, PROGRESS):
        setattr(dataset, PROGRESS, [Dataset()])
    progress = dataset[PROGRESS].value[0]
    for keyword in CANCEL_KEYS[:2]:
        if has_value(reasons, keyword) and not has_value(progress, keyword):
            progress[keyword] = reasons[keyword]
    if has_value(reasons, "ContactURI") and not has_value(progress, _CONTACT):
        contact = Dataset()
        contact.ContactURI = reasons.ContactURI
        if has_value(reasons, "ContactDisplayName"):
            contact.ContactDisplayName = reasons.ContactDisplayName
        setattr(progress, _CONTACT, [contact])
    if not has_value(progress, "ProcedureStepCancellationDateTime"):
        progress.ProcedureStepCancellationDateTime = moment(when)
    if not has_value(progress, _REASON):
        setattr(progress, _REASON, [_unspecified()])


def _unspecified() -> Dataset:
    code = Dataset()
    code.CodeValue = "110513"
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = "Discontinued for unspecified reason"
    return code
