"""Laws of services: what those that store instances do with them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pacs_framework.dicom.status import Status, is_failure
from pacs_framework.network.service import CommandField
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.samples import SampleRequest
from pacs_framework.testing.suites.negotiating import UNKNOWN_UID, Asked
from pacs_framework.testing.suites.service_laws.scene import ServiceScene, kept
from pacs_framework.testing.suites.suite import needs

__all__ = ["Instances"]

_TURNS = 5


class Instances(ServiceScene, suite=True):
    """Kept byte for byte, or refused and not kept."""

    @needs("keeps_instances")
    def test_what_is_answered_with_success_is_kept_byte_for_byte(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """Found by its SOP Instance UID, in the transfer syntax it came in."""
        for each in storing(asked)[:_TURNS]:
            with self.associate(running, each) as association:
                request = self.sample(each.command, each.accepted)
                assert self.ask(association, each, request)[-1].status == Status.SUCCESS
            opened = running.archive.open(str(request.elements["AffectedSOPInstanceUID"]))
            with opened.dataset as dataset:
                assert dataset.read() == request.dataset
            assert opened.facts.transfer_syntax_uid == each.transfer_syntax

    @needs("keeps_instances")
    @pytest.mark.parametrize("announced", [None, UNKNOWN_UID])
    def test_an_instance_that_is_not_what_was_announced_is_refused(
        self, running: RunningArchive, asked: list[Asked], announced: str | None
    ) -> None:
        """Under no SOP Instance UID, or another one: a failure, nothing is kept (PS3.4 B.2.3)."""
        each = storing(asked)[0]
        before = kept(running)
        with self.associate(running, each) as association:
            good = self.sample(each.command, each.accepted)
            elements = {**good.elements, "AffectedSOPInstanceUID": announced}
            request = SampleRequest(elements=elements, dataset=good.dataset)
            responses = self.ask(association, each, request)
            self.check_defined(each, responses)
            assert is_failure(responses[-1].status)
            assert kept(running) == before
            self.check_answered(association, each)


def storing(asked: Sequence[Asked]) -> list[Asked]:
    found = [each for each in asked if each.command is CommandField.C_STORE]
    assert found, "keeps_instances = True needs C-STORE"
    return found
