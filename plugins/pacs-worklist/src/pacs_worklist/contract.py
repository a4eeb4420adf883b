"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.network.service import AcceptedContext, CommandField
from pacs_framework.testing.samples import SampleRequest
from pacs_framework.testing.suites.service import ServiceSuite
from pacs_worklist import plugin as hooks

__all__ = ["TestWorklist"]


class TestWorklist(ServiceSuite):
    """C-FIND of the Modality Worklist."""

    plugin_name = "worklist"  # its tables are named after it
    reads_dataset = True
    cancels = True

    @pytest.fixture
    def plugin(self) -> object:
        """The module behind the entry point."""
        return hooks

    def sample(self, command: CommandField, context: AcceptedContext) -> SampleRequest:
        """A query for everything."""
        del command
        identifier = Dataset()
        identifier.PatientName = ""
        identifier.ScheduledProcedureStepSequence = [Dataset()]
        return SampleRequest(dataset=encode_identifier(identifier, context.transfer_syntax))
