"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.network.service import AcceptedContext, CommandField
from pacs_framework.testing.samples import DESTINATION, SampleRequest
from pacs_framework.testing.suites.service import ServiceSuite
from pacs_non_patient import plugin as hooks
from pacs_non_patient.tables import NAME

__all__ = ["TestNonPatient"]


class TestNonPatient(ServiceSuite):
    """C-STORE, C-FIND, C-MOVE and C-GET."""

    plugin_name = NAME  # its table is named after it
    reads_dataset = True
    cancels = True
    sends_its_own = True

    @pytest.fixture
    def plugin(self) -> object:
        """The module behind the entry point."""
        return hooks

    def sample(self, command: CommandField, context: AcceptedContext) -> SampleRequest:
        """A new instance with UIDs alone; a query or a retrieval of one that is not there."""
        dataset = Dataset()
        elements: dict[str, object] = {"Priority": 0}
        dataset.SOPInstanceUID = generate_uid(prefix=None)
        if command is CommandField.C_STORE:
            dataset.SOPClassUID = context.abstract_syntax
            elements["AffectedSOPInstanceUID"] = str(dataset.SOPInstanceUID)
        if command is CommandField.C_MOVE:
            elements["MoveDestination"] = DESTINATION
        encoded = encode_identifier(dataset, context.transfer_syntax)
        return SampleRequest(elements=elements, dataset=encoded)
