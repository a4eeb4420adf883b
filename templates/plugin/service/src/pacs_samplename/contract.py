"""The laws of DIMSE services, held against this one; run by pytest and by `pacs plugin check`.

The plugin itself does not import this module: pytest is no dependency of it.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from pacs_framework.dicom.status import Status
from pacs_framework.network.service import AcceptedContext, CommandField
from pacs_framework.testing.samples import STUDY, SampleRequest
from pacs_framework.testing.suites.service import ServiceSuite

from pacs_samplename import plugin as this_plugin

__all__ = ["TestStudyStatus"]


class TestStudyStatus(ServiceSuite):
    """Every law, on a real association to an archive that has the study `STUDY`."""

    statuses: ClassVar[frozenset[int]] = frozenset(
        {Status.NO_SUCH_SOP_INSTANCE, Status.INVALID_SOP_INSTANCE}
    )

    @pytest.fixture
    def plugin(self) -> object:
        """What is behind the entry point."""
        return this_plugin

    def sample(self, command: CommandField, context: AcceptedContext) -> SampleRequest:
        """Ask for the study that the archive has."""
        del command
        return SampleRequest(
            elements={
                "RequestedSOPClassUID": context.abstract_syntax,
                "RequestedSOPInstanceUID": STUDY,
            }
        )
