"""Limits, time-outs, and the end: nobody is starved, nobody is left behind."""

from __future__ import annotations

import os
import resource
import socket
import struct
import threading
import tracemalloc
from dataclasses import replace

import pytest
from loopback_peers import (
    CT,
    FIND,
    VERIFICATION,
    Associate,
    Bare,
    BarePeer,
    Listen,
    Service,
    Stored,
    at_rest,
    echo_service,
    proposed,
    supported,
)
from structlog.testing import capture_logs

from pacs_framework.dicom.status import Status
from pacs_framework.errors import ConfigurationError
from pacs_framework.network.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    ConnectionFailed,
)
from pacs_framework.network.frames import LARGEST_ASSOCIATE
from pacs_framework.network.limits import Limits
from pacs_framework.network.listener import Listener, listening_socket
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.network.scu import c_echo, c_store
from pacs_framework.network.service import CommandField, Request

ABORT = bytes.fromhex("07000000000400000000")
SHORT = Limits(artim_timeout=0.2, idle_timeout=0.2, network_timeout=0.2)


def flood(peer: BarePeer) -> None:
    """Send without end; in the end it is the other side that has enough."""
    while True:
        peer.send(bytes(100))


def drip(peer: BarePeer, size: int) -> None:
    """Send ``size`` single bytes."""
    for _ in range(size):
        peer.send(b"\1")


def warnings(logs: list[dict[str, object]]) -> list[str]:
    return [str(e.get("cause", e["event"])) for e in logs if e["log_level"] == "warning"]


# --- how many -------------------------------------------------------------------------------


def test_too_many_associations_are_rejected(listen: Listen, associate: Associate) -> None:
    """Transient, service-provider (presentation), local limit exceeded; a free place is reused."""
    listener = listen(echo_service(), limits=Limits(max_associations=2))
    first, second = (associate(listener, VERIFICATION) for _ in range(2))
    assert len(listener.associations) == 2
    with pytest.raises(AssociationRejected) as raised:
        associate(listener, VERIFICATION)
    assert (raised.value.result, raised.value.source, raised.value.reason) == (2, 3, 2)
    assert c_echo(second) == Status.SUCCESS
    first.release()
    second.release()
    at_rest(listener)
    assert c_echo(associate(listener, VERIFICATION)) == Status.SUCCESS


def test_half_open_connections_do_not_starve_real_peers(
    listen: Listen, associate: Associate, bare: Bare
) -> None:
    """200 that say nothing: the oldest make room, an association gets through, ARTIM ends all."""
    limits = Limits(max_associations=1, max_half_open=50, artim_timeout=1)
    with capture_logs() as logs:
        listener = listen(echo_service(), limits=limits)
        silent = [bare(listener) for _ in range(200)]
        association = associate(listener, VERIFICATION)
        assert c_echo(association) == Status.SUCCESS
        association.release()
        assert all(peer.is_closed() for peer in silent)
        at_rest(listener)
    causes = warnings(logs)
    dropped = causes.count("connection closed: too many without an association")
    expired = causes.count("connection closed: no association request in time")
    assert dropped >= 1
    assert dropped + expired == 200


def test_a_rejected_peer_that_stays_takes_no_place(
    listen: Listen, associate: Associate, bare: Bare
) -> None:
    """It waits in state 13 for the ARTIM timer, counted with the half-open ones."""
    listener = listen(echo_service(), limits=Limits(max_associations=1), check_called_aet=True)
    for _ in range(3):
        peer = bare(listener)
        peer.request(called_aet="WRONG")
        assert peer.pdu()[0] == 0x03
    assert c_echo(associate(listener, VERIFICATION)) == Status.SUCCESS
    assert listener.connections == 4


# --- how long -------------------------------------------------------------------------------


def test_silence_between_messages_aborts(listen: Listen, bare: Bare) -> None:
    """idle_timeout: A-ABORT as service-user."""
    with capture_logs() as logs:
        listener = listen(echo_service(), limits=replace(Limits(), idle_timeout=0.2))
        peer = bare(listener).associate()
        assert peer.pdu() == ABORT
        at_rest(listener)
    assert warnings(logs) == ["nothing came from the peer for 0.2 s (idle_timeout)"]


def test_silence_within_a_message_aborts(listen: Listen, bare: Bare, stored: Stored) -> None:
    """network_timeout: in the middle of a data set, however long idle_timeout is."""
    with capture_logs() as logs:
        listener = listen(stored.service(), limits=replace(Limits(), network_timeout=0.2))
        peer = bare(listener).associate()
        peer.command(
            3, CommandField=1, MessageID=1, CommandDataSetType=1, AffectedSOPInstanceUID="1"
        )
        peer.dataset(b"x" * 100, 3)
        assert peer.response()["Status"] == Status.SUCCESS
        peer.command(3, CommandField=1, MessageID=2, CommandDataSetType=1)
        assert peer.pdu() == ABORT
        at_rest(listener)
    assert warnings(logs) == ["nothing came from the peer for 0.2 s (network_timeout)"]


def test_a_request_byte_by_byte_has_its_time(listen: Listen, bare: Bare) -> None:
    """ARTIM is one deadline for the whole A-ASSOCIATE-RQ; more bytes do not stretch it."""
    with capture_logs() as logs:
        listener = listen(echo_service(), limits=SHORT)
        peer = bare(listener)
        peer.send(struct.pack(">BxI", 1, LARGEST_ASSOCIATE))
        with pytest.raises(OSError, match=r"(reset|pipe)"):
            drip(peer, LARGEST_ASSOCIATE)
        at_rest(listener)
    assert warnings(logs) == ["connection closed: no association request in time"]


def test_a_peer_that_stops_reading_is_given_up(listen: Listen, bare: Bare) -> None:
    """network_timeout while sending: the connection is closed and the thread gone."""

    def find(request: Request) -> None:
        request.read_dataset()
        while True:
            request.respond(Status.PENDING, dataset=bytes(100_000))

    with capture_logs() as logs:
        listener = listen(
            Service("find", [CommandField.C_FIND], find, supported(FIND)),
            limits=replace(Limits(), network_timeout=0.2),
        )
        peer = bare(listener).associate()
        peer.command(5, CommandField=CommandField.C_FIND, MessageID=1, CommandDataSetType=1)
        peer.dataset(b"identifier", 5)
        at_rest(listener)
    assert warnings(logs) == ["the peer has not read anything for 0.2 s"]


def test_a_peer_that_never_closes_is_closed(listen: Listen, bare: Bare) -> None:
    """State 13 after A-RELEASE-RP: the ARTIM timer ends it."""
    listener = listen(echo_service(), limits=SHORT)
    peer = bare(listener).associate()
    peer.send(bytes.fromhex("05000000000400000000"))
    assert peer.pdu()[0] == 0x06
    at_rest(listener)
    assert peer.is_closed()


def test_an_aborted_peer_that_goes_on_sending_has_its_time(listen: Listen, bare: Bare) -> None:
    """State 13: what still comes is read and ignored, and does not stretch the ARTIM timer."""
    listener = listen(echo_service(), limits=replace(Limits(), artim_timeout=0.2))
    peer = bare(listener).associate()
    peer.send(struct.pack(">BxI", 9, 4), bytes(4))
    assert peer.pdu()[0] == 0x07
    with pytest.raises(OSError, match=r"(reset|pipe)"):
        flood(peer)
    at_rest(listener)


@pytest.fixture
def mute() -> socket.socket:
    """A listener that accepts and never says a word."""
    with listening_socket(("127.0.0.1", 0)) as sock:
        yield sock  # type: ignore[misc]


def test_a_requestor_does_not_wait_for_ever(mute: socket.socket, associate: Associate) -> None:
    """No answer to A-ASSOCIATE-RQ within artim_timeout."""

    class Mute:
        address = mute.getsockname()

    with pytest.raises(
        AssociationAborted, match=r"^no answer to the association request in 0.2 s$"
    ):
        associate(Mute, VERIFICATION, settings=SHORT)


def test_a_requestor_waits_for_a_response_as_long_as_idle(
    listen: Listen, associate: Associate
) -> None:
    """A response that does not come: A-ABORT after idle_timeout."""
    done = threading.Event()
    service = Service(
        "slow", [CommandField.C_ECHO], lambda _: done.wait(60), supported(VERIFICATION)
    )
    association = associate(listen(service), VERIFICATION, settings=SHORT)
    with pytest.raises(AssociationAborted, match=r"^nothing came from the peer for 0.2 s \(idle"):
        c_echo(association)
    assert not association.is_established
    done.set()


# --- the end --------------------------------------------------------------------------------


def test_stop_aborts_all_idle_associations(listen: Listen, bare: Bare) -> None:
    """Each of 50 gets A-ABORT as service-user; half-open ones are closed; no thread is left."""
    listener = listen(echo_service())
    peers = [bare(listener).associate() for _ in range(50)]
    half_open = [bare(listener) for _ in range(5)]
    listener.stop(grace=60)
    assert listener.connections == 0
    assert [peer.pdu() for peer in peers] == [ABORT] * 50
    assert all(peer.is_closed() for peer in [*peers, *half_open])
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(listener.address)
    listener.stop()


def test_stop_lets_an_operation_finish(listen: Listen, bare: Bare) -> None:
    """Within the grace, the answer is still sent; then the A-ABORT."""
    began, finish = threading.Event(), threading.Event()

    def slow(request: Request) -> None:
        began.set()
        finish.wait(60)
        request.respond(Status.SUCCESS)

    listener = listen(Service("slow", [CommandField.C_ECHO], slow, supported(VERIFICATION)))
    peer = bare(listener).associate()
    peer.echo()
    assert began.wait(60)
    stopping = threading.Thread(target=listener.stop, args=(60,))
    stopping.start()
    finish.set()
    assert peer.response()["Status"] == Status.SUCCESS
    assert peer.pdu() == ABORT
    stopping.join()
    assert listener.connections == 0


def test_stop_lets_an_operation_with_sub_operations_finish(listen: Listen, bare: Bare) -> None:
    """Waiting for the peer in the middle of a C-GET is no idleness."""
    waiting = threading.Event()

    def get(request: Request) -> None:
        context = request.association.contexts[1]
        message_id = request.association.send_request(context, CommandField.C_STORE, {})
        waiting.set()
        response = request.association.receive_response(message_id)
        request.respond(response.status)

    listener = listen(Service("get", [CommandField.C_GET], get, supported(VERIFICATION)))
    peer = bare(listener).associate()
    peer.command(CommandField=CommandField.C_GET, MessageID=1, CommandDataSetType=0x0101)
    assert peer.response()["CommandField"] == CommandField.C_STORE
    assert waiting.wait(60)
    stopping = threading.Thread(target=listener.stop, args=(60,))
    stopping.start()
    refused(listener.address)
    peer.command(
        CommandField=0x8001, MessageIDBeingRespondedTo=1, Status=7, CommandDataSetType=0x0101
    )
    assert peer.response()["Status"] == 7
    assert peer.pdu() == ABORT
    stopping.join()


def refused(address: tuple[str, int]) -> None:
    """Return once nobody listens there any more."""
    while True:
        try:
            socket.create_connection(address, timeout=60).close()
        except ConnectionError:
            return


def test_out_of_descriptors_is_survived(listen: Listen, associate: Associate) -> None:
    """A connection that cannot be accepted is closed; the next one, with room again, is served."""
    listener = listen(echo_service())
    with socket.socket() as client:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest_free = os.dup(client.fileno())
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            client.settimeout(60)
            client.connect(listener.address)
            assert client.recv(1) == b""
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert c_echo(associate(listener, VERIFICATION)) == Status.SUCCESS


def test_stop_breaks_off_what_does_not_finish(listen: Listen, bare: Bare) -> None:
    """After the grace: a peer in the middle of a data set is cut off, nothing is stored."""
    received = threading.Event()
    ended: list[BaseException] = []

    def store(request: Request) -> None:
        try:
            request.stream_dataset(lambda _: received.set())
        except AssociationError as error:
            ended.append(error)
            raise

    listener = listen(Service("store", [CommandField.C_STORE], store, supported(CT)))
    peer = bare(listener).associate()
    peer.command(3, CommandField=1, MessageID=1, CommandDataSetType=1)
    peer.send(b"\x04\0\0\0\0\x0e\0\0\0\x0a\3\0", bytes(8))
    assert received.wait(60)
    listener.stop(grace=0)
    assert listener.connections == 0
    assert len(ended) == 1
    assert peer.is_closed()


def test_stop_reaches_sub_associations(
    listen: Listen, associate: Associate, mute: socket.socket
) -> None:
    """A service that waits for another peer, on an association of its own, is woken as well."""
    host, port = mute.getsockname()
    called = threading.Event()
    failures: list[str] = []

    def forward(request: Request) -> None:
        called.set()
        try:
            with connect(
                host, port, calling_aet="PACS", called_aet="MUTE", contexts=proposed(VERIFICATION)
            ) as other:
                c_echo(other)
        except AssociationError as error:
            failures.append(type(error).__name__)
            raise

    listener = listen(Service("forward", [CommandField.C_ECHO], forward, supported(VERIFICATION)))
    association = associate(listener, VERIFICATION)
    asking = threading.Thread(target=_echo_until_it_ends, args=(association,))
    asking.start()
    assert called.wait(60)
    taken, _ = mute.accept()
    with taken:
        listener.stop(grace=0)
        asking.join()
    assert listener.connections == 0
    assert failures in (["Stopped"], ["ConnectionFailed"])


def _echo_until_it_ends(association: object) -> None:
    with pytest.raises(AssociationError):
        c_echo(association)  # type: ignore[arg-type]


def test_a_shared_socket_stays_open_for_others(associate: Associate) -> None:
    """A socket that was handed in may be shared by workers: one stops, the other goes on."""
    shared = listening_socket(("127.0.0.1", 0))
    listeners = [
        Listener(
            address=sock,
            aet="PACS",
            router=Router([echo_service()]),
            limits=Limits(),
            decide=lambda _: None,
        )
        for sock in (shared, shared.dup())
    ]
    for listener in listeners:
        listener.start()
    listeners[0].stop()
    for _ in range(5):
        association = associate(listeners[1], VERIFICATION)
        assert c_echo(association) == Status.SUCCESS
        association.release()
    listeners[1].stop()


def test_an_address_in_use_is_a_configuration_error(listen: Listen) -> None:
    """The message names host and port."""
    host, port = listen(echo_service()).address
    with pytest.raises(ConfigurationError, match=f"^cannot listen on host '{host}', port {port}: "):
        listening_socket((host, port))


@pytest.mark.parametrize("aet", ["", " ", "A" * 17, "A\\B", "A\n"])
def test_an_ae_title_is_checked(aet: str) -> None:
    """1 to 16 printable characters without a backslash (PS3.5, VR AE)."""
    with pytest.raises(ConfigurationError, match=r"^AE title .*: needs 1 to 16 printable"):
        Listener(
            address=("127.0.0.1", 0),
            aet=aet,
            router=Router(),
            limits=Limits(),
            decide=lambda _: None,
        )


def test_a_closed_port_is_a_failed_connection(associate: Associate) -> None:
    """ConnectionFailed, no half association."""
    with listening_socket(("127.0.0.1", 0)) as sock:
        address = sock.getsockname()

    class Closed:
        pass

    Closed.address = address  # type: ignore[attr-defined]
    with pytest.raises(ConnectionFailed, match=r"^cannot connect to '127.0.0.1' port"):
        associate(Closed, VERIFICATION)


# --- how much memory ------------------------------------------------------------------------

GIGABYTE = 1 << 30


class Zeros:
    """A gigabyte to read, without having it."""

    def __init__(self) -> None:
        self.left = GIGABYTE

    def read(self, size: int = -1) -> bytes:
        raise NotImplementedError

    def readinto(self, buffer: memoryview) -> int:
        size = min(self.left, len(buffer))
        self.left -= size
        return size


def test_a_gigabyte_passes_in_bounded_memory(listen: Listen, associate: Associate) -> None:
    """Out of one association and into another: nothing but buffers is ever held."""
    lengths: list[int] = []

    def store(request: Request) -> None:
        lengths.append(request.stream_dataset(lambda _: None))
        request.respond(Status.SUCCESS)

    listener = listen(Service("store", [CommandField.C_STORE], store, supported(CT)))
    association = associate(listener, CT)
    context = association.context_for(CT)
    assert context is not None
    tracemalloc.start()
    try:
        response = c_store(
            association,
            context=context,
            sop_class_uid=CT,
            sop_instance_uid="1.2.3",
            data=Zeros(),  # type: ignore[arg-type]
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    association.release()
    assert (response.status, lengths) == (Status.SUCCESS, [GIGABYTE])
    assert peak < 4 << 20
