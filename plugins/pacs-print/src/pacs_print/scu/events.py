"""What a printer tells by itself: N-EVENT-REPORT of jobs and of the printer, taken as SCU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.network.normalized import NormalizedService, Operation, Outcome
from pacs_framework.network.service import CommandField, SupportedContext
from pacs_print.queue.model import State
from pacs_print.services.classes import COLOUR_META, GRAYSCALE_META, PRINT_JOB, PRINTER

__all__ = ["Events"]

_STATES = {1: State.PENDING, 2: State.PRINTING, 3: State.DONE, 4: State.FAILURE}
_SYNTAXES = frozenset({str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)})


class Events(NormalizedService):
    """Remembers the ``states`` of jobs by UID; all that a printer tells is acknowledged."""

    name: ClassVar[str] = "print-events"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.N_EVENT_REPORT})

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.info: dict[str, str] = {}

    def contexts(self) -> Iterable[SupportedContext]:
        """The printer is their SCP."""
        for uid in (PRINT_JOB, GRAYSCALE_META, COLOUR_META):
            yield SupportedContext(
                abstract_syntax=uid,
                transfer_syntaxes=_SYNTAXES,
                peer_as_scu=False,
                peer_as_scp=True,
            )

    def sop_classes(self, abstract_syntax: str) -> tuple[str, ...]:
        """Printers are in a meta SOP class."""
        return (PRINT_JOB,) if abstract_syntax == PRINT_JOB else (PRINTER,)

    def perform(self, operation: Operation) -> Outcome:
        """Take a report."""
        state = _STATES.get(operation.type_id)
        if operation.sop_class_uid == PRINT_JOB and state is not None:
            uid = operation.sop_instance_uid
            self.states[uid] = state.value
            if operation.dataset is not None:
                self.info[uid] = str(operation.dataset.get("ExecutionStatusInfo", ""))
        return Outcome()
