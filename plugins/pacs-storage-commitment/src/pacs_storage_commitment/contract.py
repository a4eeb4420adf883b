"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydicom.uid import CTImageStorage, generate_uid

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.network.service import AcceptedContext, CommandField
from pacs_framework.testing.samples import SampleRequest
from pacs_framework.testing.suites.service import ServiceSuite
from pacs_storage_commitment import plugin as hooks
from pacs_storage_commitment.datasets import request_dataset
from pacs_storage_commitment.model import REQUEST_COMMITMENT, WELL_KNOWN_INSTANCE, Reference
from pacs_storage_commitment.tables import NAME

__all__ = ["TestStorageCommitment"]


class TestStorageCommitment(ServiceSuite):
    """Storage Commitment Push Model."""

    plugin_name: ClassVar[str] = NAME
    reads_dataset = True

    @pytest.fixture
    def plugin(self) -> object:
        """The module behind the entry point."""
        return hooks

    def sample(self, command: CommandField, context: AcceptedContext) -> SampleRequest:
        """A request for an instance that nobody has: it is taken, and reported as failed."""
        assert command is CommandField.N_ACTION
        information = request_dataset(
            str(generate_uid()), [Reference(str(CTImageStorage), str(generate_uid()))]
        )
        return SampleRequest(
            elements={
                "RequestedSOPClassUID": context.abstract_syntax,
                "RequestedSOPInstanceUID": WELL_KNOWN_INSTANCE,
                "ActionTypeID": REQUEST_COMMITMENT,
            },
            dataset=encode_identifier(information, context.transfer_syntax),
        )
