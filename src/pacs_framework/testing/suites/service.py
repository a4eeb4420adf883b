"""The laws of DIMSE services: inherit `ServiceSuite` and give the fixture ``plugin``.

::

    class TestMyService(ServiceSuite):
        reads_dataset = True

        @pytest.fixture
        def plugin(self):
            from my_package import plugin
            return plugin

The plugin runs in a real archive and is asked on real associations. What the suite asks of it by
default is in `pacs_framework.testing.samples`; a service whose requests look otherwise overrides
`ServiceSuite.sample`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pacs_framework.archive.incoming import Refusal
from pacs_framework.dicom.status import Status, is_failure, is_pending, is_warning
from pacs_framework.dicom.uids import UidForm, uid_form
from pacs_framework.network.association import Association, Response
from pacs_framework.network.command_set import RESPONSE, decode_command
from pacs_framework.network.dimse import COMMAND
from pacs_framework.network.router import Router
from pacs_framework.network.service import (
    AcceptedContext,
    CommandField,
    DimseService,
    SupportedContext,
)
from pacs_framework.testing.bare import BarePeer, message
from pacs_framework.testing.hooks import HookRecorder
from pacs_framework.testing.receiver import Receiver, listening
from pacs_framework.testing.running import RunningArchive, running_archive
from pacs_framework.testing.samples import (
    DESTINATION,
    SampleRequest,
    incomplete,
    sample_instance,
    sample_request,
)
from pacs_framework.testing.suites.negotiating import (
    UNKNOWN_UID,
    Asked,
    askable,
    offers,
    one_of_each,
    pieces,
    propose,
)
from pacs_framework.testing.suites.statuses import defined_statuses
from pacs_framework.testing.suites.suite import Suite, needs
from pacs_framework.testing.threads import run_in_threads

__all__ = ["ServiceSuite"]

_NAME = "under-test"
_SAMPLES = 3
_ASSOCIATIONS = 8
_TURNS = 5
_END_SECONDS = 30  # a net, not a measurement
_MESSAGE_ID = 7
_NO_DATASET_AT_ALL = b"\x08\x00\x05\x00??\xff\xff" * 40
_UNKNOWN_FIELD = 0x0F0F
_WITH_DATASET = frozenset(
    (CommandField.C_STORE, CommandField.C_FIND, CommandField.C_MOVE, CommandField.C_GET)
)
_SENDS_INSTANCES = frozenset((CommandField.C_MOVE, CommandField.C_GET))
_CAN_BE_CANCELLED = frozenset((CommandField.C_FIND, CommandField.C_MOVE, CommandField.C_GET))


class ServiceSuite(Suite, suite=True):
    """Every law of `pacs_framework.network.service.DimseService`, on real associations.

    All services of the plugin are tried at once, every command on every SOP class.
    """

    plugin_name: ClassVar[str] = _NAME
    """What it is called in the archive; tables of a plugin's own are found by its true name."""

    reads_dataset: ClassVar[bool] = False
    """Its commands carry a data set: with one that cannot be parsed, they fail, and so does a C-
    command without one. Who answers C-STORE, C-FIND, C-MOVE or C-GET must declare it.
    """

    cancels: ClassVar[bool] = False
    """A C-CANCEL that came with a request ends it with FE00H, cancel (PS3.7 9.3.2.3)."""

    negotiates: ClassVar[bool] = False
    """It answers SOP class extended negotiation for some of its SOP classes (PS3.7 D.3.3.5)."""

    keeps_instances: ClassVar[bool] = False
    """What it answers to C-STORE with success is in the archive, byte for byte."""

    statuses: ClassVar[frozenset[int]] = frozenset()
    """What it answers beyond the statuses of its service class, such as those of a private one."""

    # --- what a subclass gives ------------------------------------------------------------------

    @pytest.fixture
    def plugin(self) -> object:
        """What is behind the plugin's entry point: a module, an object or a class."""
        raise NotImplementedError(f"{type(self).__qualname__} needs a fixture 'plugin'")

    @pytest.fixture
    def plugin_settings(self) -> Mapping[str, Any]:
        """The plugin's section of the configuration, defaults unless overridden."""
        return {}

    def sample(self, command: CommandField, context: AcceptedContext) -> SampleRequest:
        """A request that succeeds; may be overridden. The archive holds three instances of
        `pacs_framework.testing.samples.STUDY`, and C-MOVE has the destination ``RECEIVER``.
        """
        return sample_request(command, context)

    # --- what the laws use ----------------------------------------------------------------------

    @pytest.fixture
    def running(
        self, plugin: object, plugin_settings: Mapping[str, Any], tmp_path: Path
    ) -> Iterator[RunningArchive]:
        """An archive with this plugin alone, three instances and a peer for C-MOVE."""
        folder = tmp_path / "archive"
        plugins = {self.plugin_name: plugin}
        with _running(folder, plugins, plugin_settings, Receiver()) as running:
            yield running

    @pytest.fixture
    def services(self, running: RunningArchive) -> Sequence[DimseService]:
        """The services of the plugin, made once more to be looked at."""
        return _services(running)

    @pytest.fixture
    def asked(self, services: Sequence[DimseService]) -> list[Asked]:
        """Every command on every SOP class that it is declared for."""
        return askable(services)

    def associate(
        self,
        running: RunningArchive,
        *asked: Asked,
        extended_negotiation: Mapping[str, bytes] | None = None,
    ) -> Association:
        """An association for these requests, which takes what C-GET brings."""
        return running.associate(
            contexts=propose(asked),
            services=Router([Receiver()]),
            extended_negotiation=extended_negotiation,
        )

    def ask(
        self, association: Association, asked: Asked, request: SampleRequest | None = None
    ) -> list[Response]:
        """Send a request, the sample unless told; all responses, the final one last."""
        context = association.context_for(asked.abstract_syntax)
        assert context is not None, f"{asked.abstract_syntax} was not accepted"
        sample = request or self.sample(asked.command, context)
        message_id = association.send_request(
            context, asked.command, sample.elements, sample.dataset
        )
        responses = [association.receive_response(message_id)]
        while is_pending(responses[-1].status):
            responses.append(association.receive_response(message_id))
        return responses

    def check_answered(self, association: Association, asked: Asked) -> Response:
        """The sample is carried out, in statuses of its service class; the final response."""
        responses = self.ask(association, asked)
        final = responses[-1]
        self.check_defined(asked, responses)
        assert final.status == Status.SUCCESS or is_warning(final.status), (
            f"{asked.command.name} on {asked.abstract_syntax}: {final.status:04X}H "
            f"{final.command.get('ErrorComment', '')}"
        )
        return final

    def check_defined(self, asked: Asked, responses: Sequence[Response]) -> None:
        """Every status is one of the service class, or declared."""
        defined = defined_statuses(asked.abstract_syntax, asked.command) | self.statuses
        for response in responses:
            assert response.status in defined, (
                f"{response.status:04X}H is not defined for {asked.command.name} on "
                f"{asked.abstract_syntax}; a private SOP class declares its own in `statuses`"
            )

    # --- what is declared -----------------------------------------------------------------------

    def test_names_tell_services_apart(self, services: Sequence[DimseService]) -> None:
        """They are in the log and in error messages: short, printable, one for each service."""
        names = [service.name for service in services]
        assert names, "the plugin gives no service"
        assert len(set(names)) == len(names), names
        for name in names:
            assert 1 <= len(name) <= 64, repr(name)
            assert name.isprintable(), repr(name)
            assert name == name.strip(), repr(name)

    def test_commands_are_requests(self, services: Sequence[DimseService]) -> None:
        """At least one each; C-CANCEL is no command of a service but `Request.cancelled`."""
        for service in services:
            assert service.commands, f"{service.name}: no commands"
            assert all(type(command) is CommandField for command in service.commands), service.name
            assert CommandField.C_CANCEL not in service.commands, service.name

    def test_capabilities_are_declared(self, asked: list[Asked]) -> None:
        """A command that carries a data set by the standard cannot be left out of its laws."""
        assert asked, "no service takes a SOP class on which it is the provider"
        commands = {each.command for each in asked}
        carrying = ", ".join(sorted(each.name for each in commands & _WITH_DATASET))
        assert self.reads_dataset or not carrying, (
            f"{carrying} with a data set: declare reads_dataset = True"
        )

    def test_contexts_are_valid_and_stay(self, services: Sequence[DimseService]) -> None:
        """Valid UIDs, a transfer syntax and a role for each; asked again, the same."""
        for service in services:
            contexts = list(service.contexts())
            assert list(service.contexts()) == contexts, service.name
            for context in contexts:
                _check_context(context)

    # --- negotiation ----------------------------------------------------------------------------

    def test_every_context_is_accepted_as_it_is_offered(
        self, running: RunningArchive, services: Sequence[DimseService]
    ) -> None:
        """Each SOP class in each of its transfer syntaxes alone, in the roles it is offered for."""
        for contexts in offers(c for service in services for c in service.contexts()):
            with running.associate(contexts=contexts) as association:
                for context in contexts:
                    accepted = association.contexts.get(context.context_id)
                    assert accepted is not None, f"not accepted: {context}"
                    assert accepted.transfer_syntax == context.transfer_syntaxes[0]
                    assert (accepted.scu, accepted.scp) == (context.scu, context.scp), context

    def test_another_transfer_syntax_is_refused(
        self, running: RunningArchive, services: Sequence[DimseService]
    ) -> None:
        """One that no service named."""
        strange = [
            SupportedContext(
                abstract_syntax=context.abstract_syntax,
                transfer_syntaxes=frozenset({UNKNOWN_UID}),
                peer_as_scu=context.peer_as_scu,
                peer_as_scp=context.peer_as_scp,
            )
            for service in services
            for context in service.contexts()
        ]
        for contexts in offers(strange):
            with running.associate(contexts=contexts) as association:
                assert association.contexts == {}

    def test_a_sop_class_that_nobody_listed_gets_what_is_offered_for_it(
        self, running: RunningArchive, services: Sequence[DimseService]
    ) -> None:
        """By `DimseService.context_for`; where that is None for all, the context is refused."""
        made = [service.context_for(UNKNOWN_UID) for service in services]
        taken = [offer for offer in made if offer is not None]
        for offer in taken:
            _check_context(offer)
        with running.associate(UNKNOWN_UID) as association:
            assert bool(association.contexts) == any(offer.peer_as_scu for offer in taken)

    @pytest.mark.parametrize("proposed", [b"", b"\1", b"\0" * 5, b"\1" * 5, b"\xff" * 300])
    def test_extended_negotiation_of_any_length_is_survived(
        self, running: RunningArchive, asked: list[Asked], proposed: bytes
    ) -> None:
        """No answer is longer than what was proposed, and requests are carried out."""
        for some in pieces(asked):
            extended = {each.abstract_syntax: proposed for each in some}
            with self.associate(running, *some, extended_negotiation=extended) as association:
                answers = association.extended_negotiation
                assert all(len(answer) <= len(proposed) for answer in answers.values()), answers
                assert self.negotiates or not answers, "answered: declare negotiates = True"
                self.check_answered(association, some[0])

    @needs("negotiates")
    def test_extended_negotiation_is_answered(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """For at least one SOP class; what was agreed does not break a request."""
        some = next(pieces(asked))
        extended = {each.abstract_syntax: b"\1" for each in some}
        with self.associate(running, *some, extended_negotiation=extended) as association:
            assert association.extended_negotiation
            for each in some:
                self.check_answered(association, each)

    # --- requests -------------------------------------------------------------------------------

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
            before = _kept(running)
            with self.associate(running, each) as association:
                good = self.sample(each.command, each.accepted)
                if not good.dataset or (what == "missing" and each.command not in _WITH_DATASET):
                    continue
                bad = {"malformed": _NO_DATASET_AT_ALL, "truncated": good.dataset[:-2]}.get(what)
                request = SampleRequest(elements=good.elements, dataset=bad)
                responses = self.ask(association, each, request)
                self.check_defined(each, responses)
                assert is_failure(responses[-1].status), (
                    f"{each.command.name} with a data set that is {what}: "
                    f"{responses[-1].status:04X}H"
                )
                assert _kept(running) == before
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
                MessageIDBeingRespondedTo=_MESSAGE_ID,
            )
            with BarePeer(running.listener.address) as peer:
                peer.associate(*propose([each]), called_aet=running.aet)
                for _ in range(2):
                    peer.send(self._encoded(each), cancel)
                    status = _final_status(peer)
                    assert status == Status.CANCEL, f"{each.command.name}: {status:04X}H"

    def _encoded(self, asked: Asked) -> bytes:
        """The sample as one message."""
        sample = self.sample(asked.command, asked.accepted)
        elements: dict[str, object] = {
            "CommandField": asked.command,
            "MessageID": _MESSAGE_ID,
            **sample.elements,
        }
        if "RequestedSOPClassUID" not in elements:
            elements.setdefault("AffectedSOPClassUID", asked.abstract_syntax)
        return message(asked.context.context_id, sample.dataset, **elements)

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
        if not sending:
            return
        guard, receiver = HookRecorder(), Receiver()
        guard.answer("on_retrieve", Refusal(reason="none of it"))
        plugins = {self.plugin_name: plugin, "guard": guard}
        with _running(tmp_path / "guarded", plugins, plugin_settings, receiver) as running:
            for each in sending:
                before = len(guard.of("on_retrieve"))
                services = Router([receiver])
                contexts = propose([each])
                with running.associate(contexts=contexts, services=services) as association:
                    final = self.ask(association, each)[-1]
                name = f"{each.command.name} on {each.abstract_syntax}"
                assert is_failure(final.status), f"{name}: {final.status:04X}H"
                assert len(guard.of("on_retrieve")) == before + _SAMPLES, f"{name}: not judged"
                assert receiver.commands_seen == [], f"{name}: sent what was refused"

    # --- the end of associations ----------------------------------------------------------------

    @pytest.mark.parametrize("sent", ["half", "whole", "first bytes"])
    def test_a_lost_connection_leaves_nothing(
        self, running: RunningArchive, asked: list[Asked], sent: str
    ) -> None:
        """In the middle of a request or before its answer: no thread, no file and no object is
        left, and other associations are served as before.
        """
        for each in one_of_each(asked):
            with self.associate(running, each) as association:
                self.check_answered(association, each)
            _associations_end()
            threads, kept = set(threading.enumerate()), _kept(running)
            request = self._encoded(each)
            end = {"half": len(request) // 2, "whole": len(request), "first bytes": 8}[sent]
            with BarePeer(running.listener.address) as peer:
                peer.associate(*propose([each]), called_aet=running.aet)
                peer.send(request[:end])
            _associations_end()
            assert set(threading.enumerate()) - threads == set()
            assert _staged(running) == []
            assert sent == "whole" or _kept(running) == kept, "half an instance was kept"
            with self.associate(running, each) as association:
                self.check_answered(association, each)

    def test_an_abort_before_the_answer_is_survived(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """A-ABORT (PS3.8 section 7.3) behind each kind of request."""
        for each in one_of_each(asked):
            association = self.associate(running, each)
            context = association.context_for(each.abstract_syntax)
            assert context is not None
            sample = self.sample(each.command, context)
            association.send_request(context, each.command, sample.elements, sample.dataset)
            association.abort()
            _associations_end()
            assert _staged(running) == []
            with self.associate(running, each) as another:
                self.check_answered(another, each)

    def test_many_associations_are_served_at_once(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """One service object, many threads: each gets the answers to its own requests."""
        chosen = one_of_each(asked)

        def work() -> None:
            with self.associate(running, *chosen) as association:
                for _ in range(_TURNS):
                    for each in chosen:
                        self.check_answered(association, each)

        run_in_threads(work, _ASSOCIATIONS)

    def test_an_archive_stops_while_associations_are_open(
        self, plugin: object, plugin_settings: Mapping[str, Any], tmp_path: Path
    ) -> None:
        """And nothing of the plugin goes on running: no thread is left."""
        before = set(threading.enumerate())
        name = self.plugin_name
        settings = {"plugin": {name: plugin_settings} if plugin_settings else {}}
        with running_archive(tmp_path / "stopped", {name: plugin}, settings=settings) as running:
            asked = one_of_each(askable(_services(running)))
            associations = [self.associate(running, *asked) for _ in range(_ASSOCIATIONS)]
        for association in associations:
            association.abort()
        assert [each for each in set(threading.enumerate()) - before if _lives_on(each)] == []

    # --- instances ------------------------------------------------------------------------------

    @needs("keeps_instances")
    def test_what_is_answered_with_success_is_kept_byte_for_byte(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """Found by its SOP Instance UID, in the transfer syntax it came in."""
        for each in _storing(asked)[:_TURNS]:
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
        each = _storing(asked)[0]
        before = _kept(running)
        with self.associate(running, each) as association:
            good = self.sample(each.command, each.accepted)
            elements = {**good.elements, "AffectedSOPInstanceUID": announced}
            request = SampleRequest(elements=elements, dataset=good.dataset)
            responses = self.ask(association, each, request)
            self.check_defined(each, responses)
            assert is_failure(responses[-1].status)
            assert _kept(running) == before
            self.check_answered(association, each)


@contextmanager
def _running(
    folder: Path, plugins: Mapping[str, object], settings: Mapping[str, Any], receiver: Receiver
) -> Iterator[RunningArchive]:
    """An archive with ``plugins``, the first with ``settings``, and what the samples ask for."""
    with listening(DESTINATION, receiver) as listener:
        host, port = listener.address
        configured: dict[str, Any] = {
            "peers": {"receiver": {"aet": DESTINATION, "host": host, "port": port}},
            "plugin": {next(iter(plugins)): settings} if settings else {},
        }
        with running_archive(folder, plugins, settings=configured) as running:
            running.take_in(*map(sample_instance, range(1, _SAMPLES + 1)))
            yield running


def _services(running: RunningArchive) -> list[DimseService]:
    made = running.plugins.register("dimse_services", archive=running.archive)
    return [service for _, each in made for service in each]


def _storing(asked: Sequence[Asked]) -> list[Asked]:
    found = [each for each in asked if each.command is CommandField.C_STORE]
    assert found, "keeps_instances = True needs C-STORE"
    return found


def _check_context(context: SupportedContext) -> None:
    """As the standard has it (PS3.5 section 9.1, PS3.8 9.3.2.2)."""
    for uid in (context.abstract_syntax, *context.transfer_syntaxes):
        assert uid_form(str(uid)) is UidForm.VALID, repr(uid)
    assert context.transfer_syntaxes, f"{context.abstract_syntax}: no transfer syntax"
    assert context.peer_as_scu or context.peer_as_scp, f"{context.abstract_syntax}: no role"


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


def _kept(running: RunningArchive) -> set[str]:
    return {found.key for found in running.archive.storage.list()}


def _staged(running: RunningArchive) -> list[Path]:
    folders = running.archive.staging_folder.glob("*/")
    return [path for folder in folders for path in folder.iterdir()]


def _associations_end() -> None:
    """Wait until every association in this process is over, those that one opened included."""
    while going_on := [t for t in threading.enumerate() if t.name.startswith("association-")]:
        for thread in going_on:
            assert not _lives_on(thread), f"{thread.name} goes on"


def _lives_on(thread: threading.Thread) -> bool:
    thread.join(_END_SECONDS)
    return thread.is_alive()
