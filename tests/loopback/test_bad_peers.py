"""Peers that break the rules: each gets the reaction of the standard, and leaves nothing behind."""

from __future__ import annotations

import struct

import pytest
from loopback_peers import (
    CT,
    IMPLICIT,
    VERIFICATION,
    Bare,
    BarePeer,
    Listen,
    Stored,
    at_rest,
    echo_service,
)
from structlog.testing import capture_logs

from pacs_framework.network.associate_writer import encode_request
from pacs_framework.network.decisions import ProposedContext, Rejection, RejectReason, RejectResult
from pacs_framework.network.limits import Limits
from pacs_framework.network.listener import Listener
from pacs_framework.network.pdu import RELEASE_RP, RELEASE_RQ, data_header
from pacs_framework.network.service import CommandField

ABORT = bytes.fromhex("07000000000400000000")


def aborted(reason: int) -> bytes:
    return bytes.fromhex("070000000004000002") + bytes((reason,))


def rejected(result: int, source: int, reason: int) -> bytes:
    return bytes.fromhex("03000000000400") + bytes((result, source, reason))


def only_cause(listener: Listener, logs: list[dict[str, object]]) -> str:
    """The one warning of a listener that has come to rest, with id and address."""
    at_rest(listener)
    (entry,) = [entry for entry in logs if entry["log_level"] in ("warning", "error")]
    assert {"association_id", "address", "port"} <= set(entry)
    return str(entry["cause"])


REQUEST = encode_request(
    calling_aet="BARE",
    called_aet="PACS",
    contexts=(
        ProposedContext(context_id=1, abstract_syntax=VERIFICATION, transfer_syntaxes=(IMPLICIT,)),
    ),
    max_pdu=16384,
    extended={},
    user_identity=None,
)


@pytest.mark.parametrize(
    ("request_pdu", "answer", "cause"),
    [
        pytest.param(
            REQUEST[:6] + b"\0\2" + REQUEST[8:],
            rejected(1, 2, 2),
            "version lacks bit 0",
            id="version",
        ),
        pytest.param(
            REQUEST.replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.2"),
            rejected(1, 1, 2),
            "the application context is not that of DICOM",
            id="application context",
        ),
        pytest.param(
            REQUEST[:10] + b"OTHER           " + REQUEST[26:],
            rejected(1, 1, 7),
            "the called AE title is not 'PACS'",
            id="called AE title",
        ),
        pytest.param(
            REQUEST[:26] + bytes(16) + REQUEST[42:],
            rejected(1, 1, 3),
            "the calling AE title is invalid",
            id="calling AE title",
        ),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", ABORT, "PDU type 0x47 is unknown", id="HTTP"),
        pytest.param(
            REQUEST.replace(b"\x50\0", b"\x7f\0"), ABORT, "no user information", id="no items"
        ),
        pytest.param(
            struct.pack(">BxI", 1, 0xFFFFFFFF), ABORT, "ASSOCIATE_RQ of 4294967295", id="absurd"
        ),
        pytest.param(data_header(1, 3, 0), ABORT, "P-DATA-TF is unexpected", id="data first"),
    ],
)
def test_a_request_that_cannot_be(
    listen: Listen, bare: Bare, request_pdu: bytes, answer: bytes, cause: str
) -> None:
    """A-ASSOCIATE-RJ where the standard has one, else A-ABORT (state 2: as service-user)."""
    with capture_logs() as logs:
        listener = listen(echo_service(), check_called_aet=True)
        peer = bare(listener)
        peer.send(request_pdu)
        assert peer.pdu() == answer
        peer.socket.close()
        assert cause in only_cause(listener, logs)


def beyond_max_pdu(peer: BarePeer) -> None:
    peer.send(struct.pack(">BxI", 4, 16385))


def unknown_type(peer: BarePeer) -> None:
    peer.send(struct.pack(">BxI", 9, 4), bytes(4))


def value_beyond_its_pdu(peer: BarePeer) -> None:
    peer.send(struct.pack(">BxIIBB", 4, 8, 100, 1, 3), bytes(2))


def release_response(peer: BarePeer) -> None:
    peer.send(RELEASE_RP)


def data_set_without_command(peer: BarePeer) -> None:
    peer.dataset(b"x")


def store_then_data_on(context_id: int) -> object:
    def act(peer: BarePeer) -> None:
        peer.command(3, CommandField=1, MessageID=1, CommandDataSetType=1)
        peer.dataset(b"x", context_id)

    return act


def command_within_a_data_set(peer: BarePeer) -> None:
    peer.command(3, CommandField=1, MessageID=1, CommandDataSetType=1)
    peer.send(data_header(3, 0, 4), b"half")
    peer.echo()


def context_not_accepted(peer: BarePeer) -> None:
    peer.command(99, CommandField=0x30, MessageID=1, CommandDataSetType=0x0101)


def no_command_set(peer: BarePeer) -> None:
    peer.send(data_header(1, 3, 9), b"\0\0\0\1\xff\xff\0\0x")


def no_command_field(peer: BarePeer) -> None:
    peer.command(MessageID=1, CommandDataSetType=0x0101)


def no_message_id(peer: BarePeer) -> None:
    peer.command(CommandField=0x30, CommandDataSetType=0x0101)


def response_without_request(peer: BarePeer) -> None:
    peer.command(
        CommandField=0x8030, MessageIDBeingRespondedTo=1, Status=0, CommandDataSetType=0x0101
    )


def cancel_of_nothing(peer: BarePeer) -> None:
    peer.command(CommandField=CommandField.C_CANCEL, CommandDataSetType=0x0101)


def endless_command_set(peer: BarePeer) -> None:
    for _ in range(9):
        peer.send(data_header(1, 1, 8192), bytes(8192))


@pytest.mark.parametrize(
    ("act", "reason", "cause"),
    [
        (beyond_max_pdu, 6, "P-DATA-TF of 16385 bytes, announced were 16384"),
        (unknown_type, 1, "PDU type 0x09 is unknown"),
        (value_beyond_its_pdu, 6, "a PDV of 100 bytes with 8 left in its PDU"),
        (release_response, 2, "RELEASE_RP is unexpected in state ESTABLISHED"),
        (data_set_without_command, 6, "a data set fragment where the start of a message is due"),
        (store_then_data_on(1), 6, "a fragment on presentation context 1 within a message on 3"),
        (command_within_a_data_set, 6, "a command fragment where a data set is due"),
        (context_not_accepted, 6, "C-ECHO-RQ on presentation context 99, which was not accepted"),
        (no_command_set, 6, "element (0000,0100) is longer than its command set"),
        (no_command_field, 6, "a command set without Command Field or Command Data Set Type"),
        (no_message_id, 6, "the command set of C-ECHO-RQ has no usable MessageID"),
        (response_without_request, 6, "C-ECHO-RSP without a request"),
        (cancel_of_nothing, 6, "C-CANCEL-RQ has no usable MessageIDBeingRespondedTo"),
        (endless_command_set, 6, "a command set of more than 65536 bytes"),
    ],
)
def test_a_breach_is_answered_with_a_p_abort(
    listen: Listen, bare: Bare, stored: Stored, act: object, reason: int, cause: str
) -> None:
    """Source 2, service-provider, and a reason; then the connection ends."""
    with capture_logs() as logs:
        listener = listen(echo_service(), stored.service(), limits=Limits(max_pdu=16384))
        peer = bare(listener).associate()
        act(peer)  # type: ignore[operator]
        assert peer.pdu() == aborted(reason)
        assert peer.is_closed()
        peer.socket.close()
        assert cause in only_cause(listener, logs)
    assert stored.instances == []


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="silence"),
        pytest.param(b"\4\0\0", id="within a PDU header"),
        pytest.param(data_header(3, 3, 100), id="within a value"),
    ],
)
def test_a_truncated_association_leaves_nothing(listen: Listen, bare: Bare, start: bytes) -> None:
    """The peer vanishes without a release: logged with its cause, the thread is gone."""
    with capture_logs() as logs:
        listener = listen(echo_service())
        peer = bare(listener).associate()
        peer.send(start)
        peer.socket.close()
        cause = only_cause(listener, logs)
    assert cause == "the peer closed the connection without releasing"


def test_a_data_set_that_breaks_off_is_not_stored(
    listen: Listen, bare: Bare, stored: Stored
) -> None:
    """Half a data set: the sink's service sees the connection fail, and no SUCCESS is sent."""
    listener = listen(stored.service())
    peer = bare(listener).associate()
    peer.command(
        3,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2.3",
        CommandField=1,
        MessageID=1,
        CommandDataSetType=1,
    )
    peer.send(data_header(3, 0, 1000), bytes(1000))
    peer.socket.close()
    at_rest(listener)
    assert stored.instances == []


def test_a_release_right_behind_a_request(listen: Listen, bare: Bare) -> None:
    """The request is answered first (AR-7), then the release."""
    peer = bare(listen(echo_service())).associate()
    peer.echo()
    peer.send(RELEASE_RQ)
    assert peer.response()["Status"] == 0
    assert peer.pdu() == RELEASE_RP
    peer.socket.close()


def test_the_peers_abort_is_logged(listen: Listen, bare: Bare) -> None:
    """With the source and reason it gave."""
    with capture_logs() as logs:
        listener = listen(echo_service())
        peer = bare(listener).associate()
        peer.send(bytes.fromhex("07000000000400000205"))
        assert peer.is_closed()
        assert only_cause(listener, logs) == "the peer aborted (source 2, reason 5)"


def test_a_judge_that_raises_rejects(listen: Listen, bare: Bare) -> None:
    """Fail closed: transient, service-provider (presentation), temporary congestion."""

    def judge(_: object) -> None:
        raise ValueError("bug")

    with capture_logs() as logs:
        peer = bare(listen(echo_service(), decide=judge))
        peer.request()
        assert peer.pdu() == rejected(2, 3, 1)
    assert "association could not be judged" in [entry["event"] for entry in logs]


def test_a_judge_may_refuse(listen: Listen, bare: Bare) -> None:
    """Result, source and reason are those of the rejection; its note goes to the log alone."""
    refusal = Rejection(
        reason=RejectReason.NO_REASON_GIVEN, result=RejectResult.TRANSIENT, note="not today"
    )
    with capture_logs() as logs:
        listener = listen(echo_service(), decide=lambda _: refusal)
        peer = bare(listener)
        peer.request()
        assert peer.pdu() == rejected(2, 1, 1)
        peer.socket.close()
        assert only_cause(listener, logs) == "not today"


def test_a_peer_without_room_for_data_is_aborted(listen: Listen, bare: Bare) -> None:
    """A maximum length of 6 bytes leaves no room for a value."""
    peer = bare(listen(echo_service()))
    peer.request(max_pdu=6)
    assert peer.pdu() == aborted(6)


def test_a_peer_with_a_tiny_maximum_length_is_served(listen: Listen, bare: Bare) -> None:
    """Answers are cut as small as it wants."""
    peer = bare(listen(echo_service()))
    peer.request(max_pdu=26)
    assert peer.pdu()[0] == 2
    peer.echo()
    answer, flags = b"", 0
    while not flags & 2:
        pdu = peer.pdu()
        assert len(pdu) - 6 <= 26
        flags = pdu[11]
        answer += pdu[12:]
    assert answer.endswith(struct.pack("<HHIH", 0, 0x0900, 2, 0))
