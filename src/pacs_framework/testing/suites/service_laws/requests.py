"""Laws of services: what is asked of them, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.archive.incoming import Refusal
from pacs_framework.dicom.status import Status, is_failure, is_pending
from pacs_framework.network.association import Association
from pacs_framework.network.command_set import RESPONSE, decode_command
from pacs_framework.network.dimse import COMMAND
from pacs_framework.network.router import Router
from pacs_framework.network.service import CommandField
from pacs_framework.testing.bare import BarePeer, message
from pacs_framework.testing.hooks import HookRecorder
from pacs_framework.testing.receiver import Receiver
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.samples import SampleRequest, incomplete
from pacs_framework.testing.suites.negotiating import Asked, one_of_each, pieces, propose
from pacs_framework.testing.suites.service_laws.scene import (
    MESSAGE_ID,
    SAMPLES,
    WITH_DATASET,
    ServiceScene,
    kept,
    running_with,
)
from pacs_framework.testing.suites.suite import needs

__all__ = ["Requests"]

_NO_DATASET_AT_ALL = b"\x08\x00\x05\x00??\xff\xff" * 40
_UNKNOWN_FIELD = 0x0F0F
_SENDS_INSTANCES = frozenset((CommandField.C_MOVE, CommandField.C_GET))
_CAN_BE_CANCELLED = frozenset((CommandField.C_FIND, CommandField.C_MOVE, CommandField.C_GET))


class Requests(ServiceScene, suite=True):
    """Answers, failures, cancels, and what a hook refuses."""

    def test_a_request_is_carried_out_and_answered(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """On every SOP class, all on one association: pending statuses, then success or a warning;
        the response names the request's SOP class.
        """
        for some in pieces(asked):
            with self.associate(running, *some) as association:
                for each in some:
                    command = self.check_answered(association, each).command
                    assert command["CommandField"] == each.command | RESPONSE
                    sop_class = command.get("AffectedSOPClassUID") or each.abstract_syntax
                    assert sop_class == each.abstract_syntax

    def test_a_command_that_nobody_declared_is_0211(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """Unrecognized operation (PS3.7 C.5.26), and the association is good for the next one."""
        declared = {(each.abstract_syntax, int(each.command)) for each in asked}
        fields = [*(int(field) for field in CommandField), _UNKNOWN_FIELD]
        for each in one_of_each(asked):
            with self.associate(running, each) as association:
                for field in fields:
                    if field == CommandField.C_CANCEL or (each.abstract_syntax, field) in declared:
                        continue
                    status = _status_of_bare(association, each, field)
                    assert status == Status.UNRECOGNIZED_OPERATION, f"{field:04X}H: {status:04X}H"
                self.check_answered(association, each)

    @needs("reads_dataset")
    @pytest.mark.parametrize("what", ["malformed", "truncated", "missing"])
    def test_a_bad_data_set_is_a_failure_and_the_association_lives(
        self, running: RunningArchive, asked: list[Asked], what: str
    ) -> None:
        """A status of the service class, nothing kept, and the next request is carried out."""
        for each in one_of_each(asked):
            before = kept(running)
            with self.associate(running, each) as association:
                good = self.sample(each.command, each.accepted)
                if not good.dataset or (what == "missing" and each.command not in WITH_DATASET):
                    continue
                bad = {"malformed": _NO_DATASET_AT_ALL, "truncated": good.dataset[:-2]}.get(what)
                request = SampleRequest(elements=good.elements, dataset=bad)
                responses = self.ask(association, each, request)
                self.check_defined(each, responses)
                assert is_failure(responses[-1].status), (
                    f"{each.command.name} with a data set that is {what}: "
                    f"{responses[-1].status:04X}H"
                )
                assert kept(running) == before
                self.check_answered(association, each)

    def test_a_normalized_request_that_lacks_an_element_fails(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """SOP class, SOP instance, action type: each left out alone is a failure of the standard
        (PS3.7 section 10.3), and the next request is carried out.
        """
        for each in one_of_each(asked):
            with self.associate(running, each) as association:
                for request in incomplete(each.command, self.sample(each.command, each.accepted)):
                    responses = self.ask(association, each, request)
                    self.check_defined(each, responses)
                    assert is_failure(responses[-1].status), request.elements
                self.check_answered(association, each)

    @needs("cancels")
    def test_a_cancel_ends_the_request(self, running: RunningArchive, asked: list[Asked]) -> None:
        """FE00H as the final response, and the association is good for the next request."""
        cancelled = [each for each in asked if each.command in _CAN_BE_CANCELLED]
        assert cancelled, "cancels = True needs C-FIND, C-MOVE or C-GET"
        for each in cancelled:
            cancel = message(
                each.context.context_id,
                CommandField=CommandField.C_CANCEL,
                MessageIDBeingRespondedTo=MESSAGE_ID,
            )
            with BarePeer(running.listener.address) as peer:
                peer.associate(*propose([each]), called_aet=running.aet)
                for _ in range(2):
                    peer.send(self._encoded(each), cancel)
                    status = _final_status(peer)
                    assert status == Status.CANCEL, f"{each.command.name}: {status:04X}H"

    def test_what_a_hook_refuses_is_not_sent(
        self,
        plugin: object,
        plugin_settings: Mapping[str, Any],
        asked: list[Asked],
        tmp_path: Path,
    ) -> None:
        """Who sends instances opens them by `RetrieveService.opener`: each is judged by
        ``on_retrieve``, and where all are refused nothing arrives and the request fails.
        """
        sending = [each for each in asked if each.command in _SENDS_INSTANCES]
        if not sending or self.sends_its_own:
            return
        guard, receiver = HookRecorder(), Receiver()
        guard.answer("on_retrieve", Refusal(reason="none of it"))
        plugins = {self.plugin_name: plugin, "guard": guard}
        with running_with(tmp_path / "guarded", plugins, plugin_settings, receiver) as running:
            for each in sending:
                before = len(guard.of("on_retrieve"))
                services = Router([receiver])
                contexts = propose([each])
                with running.associate(contexts=contexts, services=services) as association:
                    final = self.ask(association, each)[-1]
                name = f"{each.command.name} on {each.abstract_syntax}"
                assert is_failure(final.status), f"{name}: {final.status:04X}H"
                assert len(guard.of("on_retrieve")) == before + SAMPLES, f"{name}: not judged"
                assert receiver.commands_seen == [], f"{name}: sent what was refused"


def _status_of_bare(association: Association, asked: Asked, field: int) -> int:
    """The answer to a command without any elements of its own."""
    context = association.context_for(asked.abstract_syntax)
    assert context is not None
    elements = {"CommandField": field}
    message_id = association.send_request(context, CommandField.C_ECHO, elements)
    return association.receive_response(message_id).status


def _final_status(peer: BarePeer) -> int:
    """Read responses, their data sets and requests of sub-operations, to the final response."""
    while True:
        pdu = peer.pdu()
        if pdu[11] & COMMAND:
            status = decode_command(pdu[12:]).get("Status")
            if isinstance(status, int) and not is_pending(status):
                return status
