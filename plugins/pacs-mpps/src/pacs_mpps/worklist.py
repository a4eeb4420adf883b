"""What a performed step means for the worklist, where pacs-worklist is active."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import structlog
from pydicom import Dataset

from pacs_framework.errors import ConfigurationError
from pacs_mpps.model import ProcedureStep, Scheduled, StepStatus, text_of
from pacs_worklist.api import Item, ItemError, State, Worklist

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["follow", "worklist_of"]

_STATES = {
    StepStatus.IN_PROGRESS: State.STARTED,
    StepStatus.COMPLETED: State.COMPLETED,
    StepStatus.DISCONTINUED: State.DISCONTINUED,
}
_REASON = "PerformedProcedureStepDiscontinuationReasonCodeSequence"

_log = structlog.get_logger(__name__)


def worklist_of(archive: Archive) -> Worklist | None:
    """The worklist of the archive; None where that plugin is not active."""
    try:
        return Worklist(archive.tables("worklist"))
    except ConfigurationError:
        return None


def follow(worklist: Worklist, step: ProcedureStep) -> None:
    """Take the items that ``step`` was planned as to the state that fits. Repetition does no harm.

    One that is final already stays so, with a line in the log: a step may be performed twice.
    Raises `IndexUnavailable`.
    """
    for item in _items(worklist, step):
        try:
            if step.status is StepStatus.DISCONTINUED and item.state is not State.DISCONTINUED:
                _discontinue(worklist, item, step)
            else:
                worklist.change_state(item.id, _STATES[step.status])
        except ItemError as error:
            _log.info("the worklist stays as it is", item=item.id, cause=str(error))


def _discontinue(worklist: Worklist, item: Item, step: ProcedureStep) -> None:
    reason = "; ".join(
        text_of(code, "CodeMeaning") for code in step.dataset.get(_REASON) or () if code
    )

    def note(dataset: Dataset) -> None:
        if reason:
            planned = dataset.ScheduledProcedureStepSequence[0]
            planned.CommentsOnTheScheduledProcedureStep = f"discontinued: {reason}"

    worklist.update(item.id, note, state=State.DISCONTINUED)


def _items(worklist: Worklist, step: ProcedureStep) -> Iterator[Item]:
    seen = set()
    for scheduled in step.scheduled:
        for item in _planned(worklist, scheduled):
            if item.id not in seen:
                seen.add(item.id)
                yield item


def _planned(worklist: Worklist, scheduled: Scheduled) -> list[Item]:
    """By study, or by accession number where a modality made a Study Instance UID of its own.

    Without a Scheduled Procedure Step ID the step was not planned.
    """
    number = scheduled.scheduled_procedure_step_id
    if not number:
        return []
    found = worklist.find(
        study_instance_uid=scheduled.study_instance_uid, scheduled_procedure_step_id=number
    )
    if not found and scheduled.accession_number:
        found = worklist.find(
            accession_number=scheduled.accession_number, scheduled_procedure_step_id=number
        )
    return found
