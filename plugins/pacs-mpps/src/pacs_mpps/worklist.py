"""What a performed step means for the worklist, where pacs-worklist is active."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import structlog
from pydicom import Dataset

from pacs_framework.dicom.packed import unpack
from pacs_framework.errors import ConfigurationError
from pacs_mpps.attributes import read
from pacs_mpps.model import ProcedureStep, Scheduled, StepStatus, step_of, text_of
from pacs_worklist.api import Item, ItemError, Performed, State, Worklist

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_mpps.attributes import Attributes

__all__ = ["follow", "worklist_of"]

_STATES: dict[StepStatus, Literal[State.STARTED, State.COMPLETED]] = {
    StepStatus.IN_PROGRESS: State.STARTED,
    StepStatus.COMPLETED: State.COMPLETED,
}
_REASON = "PerformedProcedureStepDiscontinuationReasonCodeSequence"

_log = structlog.get_logger(__name__)


def worklist_of(archive: Archive) -> Worklist | None:
    """The worklist of the archive; None where that plugin is not active."""
    try:
        return Worklist(archive.tables("worklist"))
    except ConfigurationError:
        return None


def follow(worklist: Worklist, steps: Iterable[tuple[str, bytes]]) -> None:
    """Take items to the state of the steps that they were planned as, one after the other.

    Of each step its SOP Instance UID and its attributes as they are kept. Repetition does no harm.
    An item that is final already stays so: a step may be performed twice. Raises
    `IndexUnavailable`.
    """
    performed: list[Performed] = []
    for uid, data in steps:
        attributes = read(data).attributes
        if attributes.text("PerformedProcedureStepStatus") == StepStatus.DISCONTINUED:
            worklist.perform(performed)
            performed = []
            _follow_discontinued(worklist, step_of(uid, unpack(data)))
        else:
            performed += _performed(attributes)
    worklist.perform(performed)


def _performed(attributes: Attributes) -> Iterator[Performed]:
    state = _STATES[StepStatus(attributes.text("PerformedProcedureStepStatus"))]
    seen = set()
    for item in attributes.items("ScheduledStepAttributesSequence"):
        each = Performed(
            state=state,
            scheduled_procedure_step_id=item.text("ScheduledProcedureStepID"),
            study_instance_uid=item.text("StudyInstanceUID"),
            accession_number=item.text("AccessionNumber"),
        )
        if each.scheduled_procedure_step_id and each not in seen:  # without, it was not planned
            seen.add(each)
            yield each


def _follow_discontinued(worklist: Worklist, step: ProcedureStep) -> None:
    for item in _items(worklist, step):
        try:
            if item.state is not State.DISCONTINUED:
                _discontinue(worklist, item, step)
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
