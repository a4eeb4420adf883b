"""What a service may rely on, whatever it does itself and whatever its peer does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from loopback_peers import (
    CT,
    FIND,
    VERIFICATION,
    Associate,
    Bare,
    Listen,
    Service,
    Stored,
    at_rest,
    echo_service,
    supported,
)
from structlog.testing import capture_logs

from pacs_framework.dicom.status import Status
from pacs_framework.errors import MismatchedInstance, OutOfResources, QueryError
from pacs_framework.network.errors import AssociationAborted, ConnectionFailed
from pacs_framework.network.limits import Limits
from pacs_framework.network.scu import c_echo, c_find, c_store
from pacs_framework.network.service import CommandField, Request


def store_with(serve: Callable[[Request], None]) -> Service:
    return Service("careful", [CommandField.C_STORE], serve, supported(CT))


def sent(
    associate: Associate, listener: object, data: bytes = b"x" * 50000
) -> tuple[int, str, int]:
    """Send one instance, then an echo: the status, the comment, and the echo's status."""
    association = associate(listener, CT, VERIFICATION)
    context = association.context_for(CT)
    assert context is not None
    response = c_store(
        association, context=context, sop_class_uid=CT, sop_instance_uid="1.2.3", data=data
    )
    echoed = c_echo(association)
    association.release()
    return response.status, str(response.command.get("ErrorComment", "")), echoed


def raise_after_reading(request: Request) -> None:
    request.stream_dataset(lambda _: None)
    raise ValueError("secret of a patient")


def raise_before_reading(request: Request) -> None:
    raise ValueError("secret of a patient")


def raise_in_the_sink(request: Request) -> None:
    def sink(_: memoryview) -> None:
        raise ValueError("secret of a patient")

    request.stream_dataset(sink)


@pytest.mark.parametrize("serve", [raise_before_reading, raise_after_reading, raise_in_the_sink])
def test_a_service_that_raises_is_a_processing_failure(
    listen: Listen, associate: Associate, serve: Callable[[Request], None]
) -> None:
    """0110H, the data set drained, the association usable, and the log names the service."""
    with capture_logs() as logs:
        status = sent(associate, listen(store_with(serve), echo_service()))
    assert status == (Status.PROCESSING_FAILURE, "", Status.SUCCESS)
    (entry,) = [entry for entry in logs if entry["event"] == "service raised"]
    assert (entry["service"], entry["log_level"]) == ("careful", "error")
    assert len(entry["association_id"]) == 8


def test_an_error_with_a_status_is_answered_with_it(listen: Listen, associate: Associate) -> None:
    """The status of a PacsError, and its message as Error Comment."""

    def refuse(request: Request) -> None:
        raise MismatchedInstance("the SOP Class UID is another one")

    status = sent(associate, listen(store_with(refuse), echo_service()))
    assert status == (0xA900, "the SOP Class UID is another one", Status.SUCCESS)


def test_a_service_without_an_answer_is_a_processing_failure(
    listen: Listen, associate: Associate
) -> None:
    """Never silence, never SUCCESS."""
    listener = listen(store_with(lambda _: None), echo_service())
    assert sent(associate, listener) == (Status.PROCESSING_FAILURE, "", Status.SUCCESS)


def test_an_answer_before_the_data_set_is_read(listen: Listen, associate: Associate) -> None:
    """An early refusal drains the data set first."""
    listener = listen(store_with(lambda r: r.respond(0xA700, comment="full")), echo_service())
    assert sent(associate, listener) == (0xA700, "full", Status.SUCCESS)


def test_there_is_one_final_response(listen: Listen, associate: Associate) -> None:
    """A second one is a bug of the service, and told to it alone."""
    raised: list[str] = []

    def twice(request: Request) -> None:
        request.respond(Status.SUCCESS)
        with pytest.raises(RuntimeError) as error:
            request.respond(Status.SUCCESS)
        raised.append(str(error.value))

    listener = listen(store_with(twice), echo_service())
    assert sent(associate, listener) == (Status.SUCCESS, "", Status.SUCCESS)
    assert raised == ["message 1 already has its final response"]


def test_the_sink_gets_every_byte(listen: Listen, associate: Associate) -> None:
    """In order, and the length is returned."""
    lengths: list[int] = []
    received = bytearray()

    def serve(request: Request) -> None:
        lengths.append(request.stream_dataset(received.extend))
        assert request.read_dataset() == b""
        request.respond(Status.SUCCESS)

    data = bytes(range(256)) * 5000
    listener = listen(store_with(serve), echo_service())
    assert sent(associate, listener, data) == (Status.SUCCESS, "", Status.SUCCESS)
    assert (lengths, bytes(received)) == ([len(data)], data)


def test_an_identifier_has_a_limit(listen: Listen, associate: Associate) -> None:
    """`read_dataset` beyond its limit is a QueryError: A900H."""

    def serve(request: Request) -> None:
        with pytest.raises(QueryError, match=r"^the identifier is longer than 100 bytes$"):
            request.read_dataset(100)
        raise QueryError("too long")

    listener = listen(store_with(serve), echo_service())
    assert sent(associate, listener) == (0xA900, "too long", Status.SUCCESS)


def test_a_message_beyond_the_limit_is_drained(
    listen: Listen, associate: Associate, stored: Stored
) -> None:
    """Longer than max_message_bytes: A700H; nothing is stored, the association goes on."""
    listener = listen(stored.service(), echo_service(), limits=Limits(max_message_bytes=40_000))
    status, comment, echoed = sent(associate, listener)
    assert (status, echoed) == (OutOfResources.status, Status.SUCCESS)
    assert comment == "the data set is longer than max_message_bytes = 40000"
    assert stored.instances == []


def test_an_absurd_message_aborts(listen: Listen, associate: Associate, stored: Stored) -> None:
    """More than twice the limit is not drained any more."""
    listener = listen(stored.service(), limits=Limits(max_message_bytes=40_000))
    with pytest.raises((AssociationAborted, ConnectionFailed)):
        sent(associate, listener, bytes(10_000_000))
    assert stored.instances == []


def test_unanswered_operations_are_unrecognized(listen: Listen, bare: Bare) -> None:
    """0211H for a number that is no operation, and for an operation nobody answers here."""
    peer = bare(listen(echo_service(), store_with(lambda _: None))).associate()
    for field in (0x0999, CommandField.C_FIND, CommandField.N_CREATE):
        peer.command(CommandField=field, MessageID=9, CommandDataSetType=1)
        peer.dataset(b"ignored" * 10000)
        response = peer.response()
        assert response["Status"] == Status.UNRECOGNIZED_OPERATION
        assert response["CommandField"] == 0x8000 | field
        assert response["MessageIDBeingRespondedTo"] == 9
    peer.echo()
    assert peer.response()["Status"] == Status.SUCCESS


def test_normalized_responses_name_the_instance(listen: Listen, bare: Bare) -> None:
    """The requested instance comes back as the affected one, with the action (PS3.7 10.3)."""
    service = Service(
        "action", [CommandField.N_ACTION], lambda r: r.respond(0), supported(VERIFICATION)
    )
    peer = bare(listen(service)).associate()
    peer.command(
        RequestedSOPClassUID=VERIFICATION,
        RequestedSOPInstanceUID="1.2.3",
        CommandField=CommandField.N_ACTION,
        MessageID=3,
        ActionTypeID=1,
        CommandDataSetType=0x0101,
    )
    response = peer.response()
    assert response["AffectedSOPClassUID"] == VERIFICATION
    assert response["AffectedSOPInstanceUID"] == "1.2.3"
    assert response["ActionTypeID"] == 1


def test_a_cancel_is_seen_without_waiting(listen: Listen, bare: Bare) -> None:
    """`cancelled` is false while nothing is there, and true once C-CANCEL has arrived."""
    seen: list[bool] = []

    def find(request: Request) -> None:
        request.read_dataset()
        seen.append(request.cancelled())
        request.respond(Status.PENDING, dataset=b"")
        while not request.cancelled():
            request.respond(Status.PENDING, dataset=b"")
        request.respond(Status.CANCEL)

    peer = bare(listen(Service("find", [CommandField.C_FIND], find, supported(FIND)))).associate()
    peer.command(5, CommandField=CommandField.C_FIND, MessageID=4, CommandDataSetType=1)
    peer.dataset(b"identifier", 5)
    assert peer.response()["Status"] == Status.PENDING
    peer.pdu()
    peer.command(
        5,
        CommandField=CommandField.C_CANCEL,
        MessageIDBeingRespondedTo=4,
        CommandDataSetType=0x0101,
    )
    while (status := peer.response()["Status"]) == Status.PENDING:
        peer.pdu()
    assert (seen, status) == ([False], Status.CANCEL)


@pytest.mark.parametrize("message_id", [1, 2])
def test_a_cancel_for_another_message_does_nothing(
    listen: Listen, bare: Bare, message_id: int
) -> None:
    """It names the message; a late one is forgotten, for some give all messages one number."""
    seen: list[bool] = []

    def find(request: Request) -> None:
        request.read_dataset()
        seen.append(request.cancelled())
        request.respond(Status.SUCCESS)

    peer = bare(listen(Service("find", [CommandField.C_FIND], find, supported(FIND)))).associate()
    peer.command(
        5, CommandField=CommandField.C_CANCEL, MessageIDBeingRespondedTo=1, CommandDataSetType=0x101
    )
    peer.command(5, CommandField=CommandField.C_FIND, MessageID=message_id, CommandDataSetType=1)
    peer.dataset(b"identifier", 5)
    assert peer.response()["Status"] == Status.SUCCESS
    assert seen == [False]


def test_a_request_that_came_too_early_waits(listen: Listen, bare: Bare) -> None:
    """A peer that does not wait for the answer gets both, in order."""

    def find(request: Request) -> None:
        request.read_dataset()
        while not request.association._channel._early and not request.cancelled():  # type: ignore[attr-defined]
            request.respond(Status.PENDING, dataset=b"")
        request.respond(Status.SUCCESS)

    listener = listen(Service("find", [CommandField.C_FIND], find, supported(FIND)), echo_service())
    peer = bare(listener).associate()
    peer.command(5, CommandField=CommandField.C_FIND, MessageID=1, CommandDataSetType=1)
    peer.dataset(b"identifier", 5)
    peer.echo(2)
    answers: list[object] = []
    while len(answers) < 2:
        response = peer.response()
        if response["Status"] == Status.PENDING:
            peer.pdu()
        else:
            answers.append(response["MessageIDBeingRespondedTo"])
    assert answers == [1, 2]


def test_a_request_that_came_too_early_keeps_its_data_set(listen: Listen, bare: Bare) -> None:
    """The answers to the one before it do not take it for theirs."""
    identifiers: list[bytes] = []

    def find(request: Request) -> None:
        identifiers.append(request.read_dataset())
        if len(identifiers) == 1:
            while not request.association._channel._early and not request.cancelled():  # type: ignore[attr-defined]
                request.respond(Status.PENDING, dataset=b"")
        request.respond(Status.PENDING, dataset=b"")
        request.respond(Status.SUCCESS)

    peer = bare(listen(Service("find", [CommandField.C_FIND], find, supported(FIND)))).associate()
    for message_id, identifier in ((1, b"the first "), (2, b"the second")):
        peer.command(
            5, CommandField=CommandField.C_FIND, MessageID=message_id, CommandDataSetType=1
        )
        peer.dataset(identifier, 5)
    while (response := peer.response())["MessageIDBeingRespondedTo"] == 1:
        if response["Status"] == Status.PENDING:
            peer.pdu()
    assert identifiers == [b"the first ", b"the second"]


def test_a_peer_that_leaves_stops_the_work(listen: Listen, bare: Bare) -> None:
    """`cancelled` raises when the connection is gone, and nothing is left behind."""
    ended: list[Exception] = []

    def find(request: Request) -> None:
        request.read_dataset()
        try:
            while not request.cancelled():
                request.respond(Status.PENDING, dataset=b"")
        except Exception as error:
            ended.append(error)
            raise

    listener = listen(Service("find", [CommandField.C_FIND], find, supported(FIND)))
    peer = bare(listener).associate()
    peer.command(5, CommandField=CommandField.C_FIND, MessageID=4, CommandDataSetType=1)
    peer.dataset(b"identifier", 5)
    peer.pdu()
    peer.socket.close()
    at_rest(listener)
    assert isinstance(ended[0], (ConnectionFailed, AssociationAborted))


def test_a_failing_sub_association_is_an_ordinary_failure(
    listen: Listen, associate: Associate
) -> None:
    """An AssociationError of another association does not end this one."""

    def serve(request: Request) -> None:
        raise ConnectionFailed("the destination is away")

    status = sent(associate, listen(store_with(serve), echo_service()))
    assert status == (Status.PROCESSING_FAILURE, "the destination is away", Status.SUCCESS)


def test_a_source_that_fails_at_once_spoils_nothing(
    listen: Listen, associate: Associate, stored: Stored
) -> None:
    """Nothing was sent, so the association goes on."""
    association = associate(listen(stored.service(), echo_service()), CT, VERIFICATION)

    def source() -> object:
        raise OSError("disk")
        yield b""

    context = association.context_for(CT)
    assert context is not None
    with pytest.raises(OSError, match=r"^disk$"):
        c_store(
            association, context=context, sop_class_uid=CT, sop_instance_uid="1.2.3", data=source()
        )
    assert c_echo(association) == Status.SUCCESS
    association.release()
    assert stored.instances == []


def test_a_source_that_fails_in_the_middle_aborts(
    listen: Listen, associate: Associate, stored: Stored
) -> None:
    """Half a message cannot be taken back: A-ABORT, and the receiver keeps nothing."""
    association = associate(listen(stored.service()), CT)

    def source() -> object:
        yield bytes(1 << 19)
        raise OSError("disk")

    context = association.context_for(CT)
    assert context is not None
    with pytest.raises(OSError, match=r"^disk$"):
        c_store(
            association, context=context, sop_class_uid=CT, sop_instance_uid="1.2.3", data=source()
        )
    assert not association.is_established
    assert stored.instances == []


def test_responses_without_end_are_read_one_by_one(listen: Listen, associate: Associate) -> None:
    """C-FIND with 2000 matches, each with its own data set."""

    def find(request: Request) -> None:
        identifier = request.read_dataset()
        for number in range(2000):
            request.respond(Status.PENDING, dataset=identifier + f"{number:04}".encode())
        request.respond(Status.SUCCESS)

    listener = listen(Service("find", [CommandField.C_FIND], find, supported(FIND)))
    association = associate(listener, FIND)
    context = association.context_for(FIND)
    assert context is not None
    datasets = [r.dataset for r in c_find(association, context=context, identifier=b"id")]
    assert datasets == [f"id{number:04}".encode() for number in range(2000)] + [None]
    association.release()
