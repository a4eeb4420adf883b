"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.network.service import AcceptedContext, CommandField
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.samples import DESTINATION, SampleRequest
from pacs_framework.testing.suites.service import ServiceSuite
from pacs_ups import plugin as hooks
from pacs_ups.actions import ActionType
from pacs_ups.service import PullService, WatchService
from pacs_ups.state.making import new_step
from pacs_ups.state.model import GLOBAL, State
from pacs_ups.state.steps import Steps
from pacs_ups.tables import NAME

__all__ = ["TestUnifiedProcedureStep"]


class TestUnifiedProcedureStep(ServiceSuite):
    """UPS Push, Pull, Watch and Query, each operation on a step that is there."""

    plugin_name: ClassVar[str] = NAME
    reads_dataset = True
    cancels = True
    _steps: Steps

    @pytest.fixture
    def plugin(self) -> object:
        """The module behind the entry point."""
        return hooks

    @pytest.fixture(autouse=True)
    def _with_steps(self, running: RunningArchive) -> None:
        """In the archive, `sample` makes the steps that it asks for."""
        self._steps = Steps(running.archive.tables(NAME))

    def sample(self, command: CommandField, context: AcceptedContext) -> SampleRequest:
        """A request that succeeds, as often as it is made."""
        syntax = context.transfer_syntax
        if command is CommandField.C_FIND:
            return SampleRequest(dataset=encode_identifier(_keys(), syntax))
        made = command is CommandField.N_CREATE
        uid = str(generate_uid()) if made else self._scheduled()
        role = "Affected" if made else "Requested"
        elements: dict[str, object] = {
            f"{role}SOPClassUID": context.abstract_syntax,
            f"{role}SOPInstanceUID": uid,
        }
        if command is CommandField.N_GET:
            return SampleRequest(elements=elements)
        if made:
            information = new_step("sample", WorklistLabel="LIST")
        elif command is CommandField.N_SET:
            information = Dataset()
            information.ProcedureStepLabel = "changed"
        else:
            information = _action(context.abstract_syntax, elements)
        return SampleRequest(elements=elements, dataset=encode_identifier(information, syntax))

    def _scheduled(self) -> str:
        uid = str(generate_uid())
        self._steps.create(uid, new_step("sample"))
        return uid


def _keys() -> Dataset:
    keys = Dataset()
    keys.ProcedureStepState = "SCHEDULED"
    keys.ProcedureStepLabel = ""
    return keys


def _action(sop_class: str, elements: dict[str, object]) -> Dataset:
    """One of the actions of the SOP class, added to ``elements``; its information."""
    information = Dataset()
    if sop_class == PullService.sop_class:
        elements["ActionTypeID"] = ActionType.CHANGE_STATE
        information.ProcedureStepState = State.IN_PROGRESS.value
        information.TransactionUID = generate_uid()
    elif sop_class == WatchService.sop_class:
        elements["ActionTypeID"] = ActionType.UNSUBSCRIBE
        elements["RequestedSOPInstanceUID"] = GLOBAL
        information.ReceivingAE = DESTINATION
    else:
        elements["ActionTypeID"] = ActionType.REQUEST_CANCEL
        information.ReasonForCancellation = "not needed"
    return information
