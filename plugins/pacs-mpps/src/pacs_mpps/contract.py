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
from pacs_framework.testing.samples import SampleRequest
from pacs_framework.testing.suites.service import ServiceSuite
from pacs_mpps import plugin as hooks
from pacs_mpps.book import Book
from pacs_mpps.encoding import received
from pacs_mpps.tables import NAME

__all__ = ["TestMpps"]

_STEP = "1.2.826.0.1.3680043.10.543.7"


class TestMpps(ServiceSuite):
    """N-CREATE, N-SET and N-GET of performed procedure steps."""

    plugin_name: ClassVar[str] = NAME
    reads_dataset = True

    @pytest.fixture
    def plugin(self) -> object:
        """The module behind the entry point."""
        return hooks

    @pytest.fixture(autouse=True)
    def step(self, running: RunningArchive) -> None:
        """A step to change and to look at."""
        Book(running.archive.tables(NAME)).create(_STEP, received(_begun()), "CT1")

    def sample(self, command: CommandField, context: AcceptedContext) -> SampleRequest:
        """A step that begins, a change of one, and a look at one."""
        kind = "Affected" if command is CommandField.N_CREATE else "Requested"
        elements = {
            f"{kind}SOPClassUID": context.abstract_syntax,
            f"{kind}SOPInstanceUID": str(generate_uid()) if kind == "Affected" else _STEP,
        }
        if command is CommandField.N_GET:
            return SampleRequest(elements=elements)
        dataset = _begun() if command is CommandField.N_CREATE else _comment()
        return SampleRequest(
            elements=elements, dataset=encode_identifier(dataset, context.transfer_syntax)
        )


def _begun() -> Dataset:
    scheduled, step = Dataset(), Dataset()
    scheduled.StudyInstanceUID = str(generate_uid())
    step.ScheduledStepAttributesSequence = [scheduled]
    step.PerformedProcedureStepID = "1"
    step.PerformedStationAETitle = "CT1"
    step.PerformedProcedureStepStartDate = "20260101"
    step.PerformedProcedureStepStartTime = "120000"
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.Modality = "CT"
    return step


def _comment() -> Dataset:
    changes = Dataset()
    changes.PerformedProcedureStepDescription = "CT of the thorax"
    return changes
