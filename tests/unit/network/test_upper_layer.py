"""The upper layer as a pure function: bytes in, events and bytes out."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_framework.network.decisions import Rejection, RejectReason, RejectResult
from pacs_framework.network.events import (
    AbortIndicated,
    AssociateConfirmed,
    AssociateIndicated,
    AssociateRefused,
    ConnectionClosed,
    DataReceived,
    ProviderAborted,
    ReleaseCollided,
    ReleaseConfirmed,
    ReleaseIndicated,
    RequestUnacceptable,
    UpperLayerEvent,
)
from pacs_framework.network.frames import LARGEST_ASSOCIATE
from pacs_framework.network.pdu import (
    RELEASE_RP,
    RELEASE_RQ,
    AbortReason,
    AbortSource,
    data_header,
    encode_abort,
    encode_reject,
)
from pacs_framework.network.state import Event, State
from pacs_framework.network.upper_layer import UpperLayer

ABORT_AS_USER = bytes.fromhex("07000000000400000000")
REJECTION = Rejection(reason=RejectReason.LOCAL_LIMIT_EXCEEDED, result=RejectResult.TRANSIENT)


def provider_abort(reason: int) -> bytes:
    return bytes.fromhex("0700000000040000 02") + bytes((reason,))


def p_data(*values: tuple[int, int, bytes]) -> bytes:
    items = b"".join(
        struct.pack(">IBB", len(v) + 2, cid, control) + v for cid, control, v in values
    )
    return struct.pack(">BxI", 4, len(items)) + items


def fed(upper: UpperLayer, data: bytes) -> list[UpperLayerEvent]:
    return upper.receive(memoryview(data))


def joined(events: list[UpperLayerEvent]) -> list[object]:
    """Events with the pieces of each PDV put together, so that splits do not show."""
    result: list[object] = []
    piece = b""
    for event in events:
        if isinstance(event, DataReceived):
            piece += bytes(event.data)
            if event.last:
                result.append((event.context_id, event.is_command, piece))
                piece = b""
        else:
            result.append(event)
    return result


# --- the states -----------------------------------------------------------------------------


def test_an_accepted_association_is_released_by_the_peer(
    acceptor: UpperLayer, make_request: Callable[..., bytes], acceptance: bytes
) -> None:
    """States 1, 2, 3, 6, 8, 13, 1: accept, release, close."""
    assert acceptor.state is State.AWAITING_ASSOCIATE_RQ
    (event,) = fed(acceptor, make_request())
    assert isinstance(event, AssociateIndicated)
    assert event.request.calling_aet == "CALLING"
    assert acceptor.state is State.AWAITING_ASSOCIATE_RESPONSE
    acceptor.accept(acceptance)
    assert acceptor.take_output() == acceptance
    assert acceptor.state is State.ESTABLISHED
    assert fed(acceptor, RELEASE_RQ) == [ReleaseIndicated()]
    assert acceptor.state is State.AWAITING_RELEASE_RESPONSE
    acceptor.send_data()
    acceptor.answer_release()
    assert acceptor.take_output() == RELEASE_RP
    assert (acceptor.state, acceptor.artim_running) == (State.AWAITING_CLOSE, True)
    assert acceptor.transport_closed() == [ConnectionClosed(orderly=True)]
    assert (acceptor.state, acceptor.artim_running) == (State.IDLE, False)


def test_a_requested_association_is_released_by_us(
    make_request: Callable[..., bytes], acceptance: bytes
) -> None:
    """States 1, 4, 5, 6, 7, 1: request, release, and data that was still on its way."""
    upper = UpperLayer(is_requestor=True, max_pdu=0)
    upper.associate()
    assert upper.state is State.AWAITING_TRANSPORT
    upper.transport_open(make_request())
    assert upper.take_output() == make_request()
    assert upper.state is State.AWAITING_ASSOCIATE_ANSWER
    (event,) = fed(upper, acceptance)
    assert isinstance(event, AssociateConfirmed)
    upper.release()
    assert (upper.take_output(), upper.state) == (RELEASE_RQ, State.AWAITING_RELEASE_RP)
    assert joined(fed(upper, p_data((1, 3, b"late")))) == [(1, True, b"late")]
    assert fed(upper, RELEASE_RP) == [ReleaseConfirmed()]
    assert (upper.state, upper.must_close) == (State.IDLE, True)


def test_a_release_collision_of_both_sides(requestor: UpperLayer, established: UpperLayer) -> None:
    """States 9 to 12: the requestor answers first, then the acceptor (PS3.8 Figure 9-2)."""
    requestor.release()
    established.release()
    assert fed(requestor, established.take_output()) == [ReleaseCollided()]
    assert fed(established, requestor.take_output()) == [ReleaseCollided()]
    assert requestor.state is State.COLLISION_REQUESTOR_RESPONSE
    assert established.state is State.COLLISION_ACCEPTOR_AWAITING_RP
    requestor.answer_release()
    assert requestor.state is State.COLLISION_REQUESTOR_AWAITING_RP
    assert fed(established, requestor.take_output()) == [ReleaseConfirmed()]
    assert established.state is State.COLLISION_ACCEPTOR_RESPONSE
    established.answer_release()
    assert fed(requestor, established.take_output()) == [ReleaseConfirmed()]
    assert (requestor.state, established.state) == (State.IDLE, State.AWAITING_CLOSE)


def test_a_rejection_is_told_to_the_requestor(
    acceptor: UpperLayer, make_request: Callable[..., bytes]
) -> None:
    """AE-8 on one side, AE-4 on the other: result, source and reason arrive."""
    fed(acceptor, make_request())
    acceptor.reject(REJECTION)
    assert (acceptor.state, acceptor.artim_running) == (State.AWAITING_CLOSE, True)
    peer = UpperLayer(is_requestor=True, max_pdu=0)
    peer.associate()
    peer.transport_open(b"")
    assert fed(peer, acceptor.take_output()) == [AssociateRefused(result=2, source=3, reason=2)]
    assert peer.must_close


def test_another_protocol_version_is_rejected(
    acceptor: UpperLayer, make_request: Callable[..., bytes]
) -> None:
    """A request without bit 0 of the version: permanent, ACSE provider, version not supported."""
    request = bytearray(make_request())
    request[6:8] = b"\x00\x02"
    (event,) = fed(acceptor, bytes(request))
    assert isinstance(event, RequestUnacceptable)
    assert acceptor.take_output() == bytes.fromhex("03000000000400010202")
    assert acceptor.state is State.AWAITING_CLOSE


def test_further_version_bits_are_no_hindrance(
    acceptor: UpperLayer, make_request: Callable[..., bytes]
) -> None:
    """Only bit 0 is tested (PS3.8 Table 9-11)."""
    request = bytearray(make_request())
    request[6:8] = b"\x00\x03"
    (event,) = fed(acceptor, bytes(request))
    assert isinstance(event, AssociateIndicated)


@pytest.mark.parametrize("state", [s for s in State if s is not State.IDLE])
def test_a_broken_connection_ends_every_state(state: State) -> None:
    """Event 17 leads to state 1; only states 2 and 13 take it as orderly."""
    upper = UpperLayer(is_requestor=False, max_pdu=0)
    upper.state = state
    orderly = state in (State.AWAITING_ASSOCIATE_RQ, State.AWAITING_CLOSE)
    assert upper.transport_closed() == [ConnectionClosed(orderly=orderly)]
    assert upper.state is State.IDLE
    assert upper.transport_closed() == []


def test_the_timer_ends_a_half_open_connection(acceptor: UpperLayer) -> None:
    """ARTIM in state 2: the transport is closed and nothing is sent (AA-2)."""
    assert acceptor.artim_running
    acceptor.artim_expired()
    assert (acceptor.must_close, acceptor.has_output) == (True, False)
    assert not acceptor.artim_running


def test_the_timer_starts_anew_with_an_abort(acceptor: UpperLayer) -> None:
    """AA-1 restarts a running ARTIM timer."""
    assert acceptor.artim_starts == 1
    fed(acceptor, RELEASE_RQ)
    assert (acceptor.artim_running, acceptor.artim_starts) == (True, 2)


# --- aborts ---------------------------------------------------------------------------------


def test_our_abort_comes_from_the_service_user(established: UpperLayer) -> None:
    """AA-1: source 0, reason 0, then wait for the peer to close."""
    established.abort()
    assert established.take_output() == ABORT_AS_USER
    assert (established.state, established.artim_running) == (State.AWAITING_CLOSE, True)


def test_the_peers_abort_is_told_with_source_and_reason(established: UpperLayer) -> None:
    """AA-3: the transport is to be closed at once."""
    abort = encode_abort(AbortSource.SERVICE_PROVIDER, AbortReason.UNEXPECTED_PDU)
    assert fed(established, abort) == [AbortIndicated(source=2, reason=2)]
    assert (established.state, established.must_close) == (State.IDLE, True)


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        pytest.param(bytes.fromhex("99000000000400000000"), 1, id="unknown type"),
        pytest.param(RELEASE_RP, 2, id="release response without a request"),
        pytest.param(encode_reject(REJECTION), 2, id="a rejection"),
        pytest.param(bytes.fromhex("050000000008") + bytes(8), 6, id="release of 8 bytes"),
        pytest.param(bytes.fromhex("040000000000"), 6, id="P-DATA without a value"),
        pytest.param(bytes.fromhex("04000000000600000001 0103"), 6, id="PDV shorter than 2"),
        pytest.param(bytes.fromhex("04000000000600000003 0103"), 6, id="PDV beyond its PDU"),
        pytest.param(bytes.fromhex("04000000000b 00000004 0103 6162 000000"), 6, id="stray bytes"),
        pytest.param(struct.pack(">BxI", 4, 16385), 6, id="longer than announced"),
        pytest.param(struct.pack(">BxI", 1, 67), 6, id="RQ too short"),
        pytest.param(struct.pack(">BxI", 1, LARGEST_ASSOCIATE + 1), 6, id="RQ too long"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_aborted_as_provider(
    established: UpperLayer, pdu: bytes, reason: int
) -> None:
    """AA-8: A-ABORT with source 2 and the reason that fits; nothing after it is read."""
    *_, event = fed(established, pdu)
    assert isinstance(event, ProviderAborted)
    assert event.reason == reason
    assert established.take_output() == provider_abort(reason)
    assert (established.state, established.artim_running) == (State.AWAITING_CLOSE, True)
    assert fed(established, p_data((1, 3, b"more"))) == []
    assert not established.has_output


def test_a_second_request_is_unexpected(
    established: UpperLayer, make_request: Callable[..., bytes]
) -> None:
    """A-ASSOCIATE-RQ within an association: A-P-ABORT, unexpected PDU."""
    (event,) = fed(established, make_request())
    assert isinstance(event, ProviderAborted)
    assert established.take_output() == provider_abort(AbortReason.UNEXPECTED_PDU)


@pytest.mark.parametrize("pdu", [p_data((1, 3, b"x")), RELEASE_RQ, RELEASE_RP], ids=len)
def test_before_the_request_anything_else_is_aborted(acceptor: UpperLayer, pdu: bytes) -> None:
    """State 2 takes AA-1: source 0, service-user."""
    (event,) = fed(acceptor, pdu)
    assert isinstance(event, ProviderAborted)
    assert acceptor.take_output() == ABORT_AS_USER


def test_data_before_the_answer_is_unexpected(
    acceptor: UpperLayer, make_request: Callable[..., bytes]
) -> None:
    """State 3: the peer may not send data before it is accepted."""
    events = fed(acceptor, make_request() + p_data((1, 3, b"x")))
    assert isinstance(events[-1], ProviderAborted)
    assert acceptor.take_output() == provider_abort(AbortReason.UNEXPECTED_PDU)


def test_after_an_abort_the_peer_is_ignored(established: UpperLayer) -> None:
    """State 13, AA-6: data and releases are ignored; A-ABORT closes (AA-2)."""
    established.abort()
    established.take_output()
    assert fed(established, p_data((1, 3, b"x")) + RELEASE_RQ + RELEASE_RP) == []
    assert (established.has_output, established.must_close) == (False, False)
    assert fed(established, ABORT_AS_USER) == [AbortIndicated(source=0, reason=0)]
    assert established.must_close


def test_after_an_abort_a_new_request_is_aborted_again(
    established: UpperLayer, make_request: Callable[..., bytes]
) -> None:
    """State 13, AA-7."""
    established.abort()
    established.take_output()
    fed(established, make_request())
    assert established.take_output() == provider_abort(AbortReason.UNEXPECTED_PDU)
    assert established.state is State.AWAITING_CLOSE


def test_what_cannot_happen_is_a_bug_of_the_caller(acceptor: UpperLayer) -> None:
    """A local event without a cell in the table is no protocol error."""
    assert not acceptor.can(Event.DATA_REQUEST)
    with pytest.raises(RuntimeError, match=r"^DATA_REQUEST cannot happen in state AWAITING_ASSOC"):
        acceptor.send_data()


# --- data -----------------------------------------------------------------------------------


def test_several_values_in_one_pdu(established: UpperLayer) -> None:
    """Each PDV of a P-DATA-TF is told, with its context and its flags."""
    events = fed(established, p_data((1, 3, b"command"), (1, 0, b"first"), (1, 2, b"last")))
    assert [
        (e.is_command, e.last, bytes(e.data)) for e in events if isinstance(e, DataReceived)
    ] == [
        (True, True, b"command"),
        (False, False, b"first"),
        (False, True, b"last"),
    ]


def test_an_empty_last_fragment_ends_a_message(established: UpperLayer) -> None:
    """A PDV of length 2 carries no data, but the flag counts."""
    (event,) = fed(established, p_data((1, 2, b"")))
    assert event == DataReceived(1, False, True, memoryview(b""))


def test_without_a_limit_a_pdu_may_be_of_any_length() -> None:
    """Maximum length 0 means unlimited; the pieces pass through as they come."""
    upper = UpperLayer(is_requestor=False, max_pdu=0)
    upper.state = State.ESTABLISHED
    header = data_header(1, 2, 4_000_000_000)
    (event,) = fed(upper, header + b"x" * 100)
    assert isinstance(event, DataReceived)
    assert (len(event.data), event.last) == (100, False)
    assert upper.mid_pdu


@pytest.mark.parametrize("kind", [1, 2, 4, 5, 7, 0x77])
def test_an_absurd_length_allocates_nothing(kind: int) -> None:
    """Memory follows what has arrived, not what a header claims."""
    upper = UpperLayer(is_requestor=False, max_pdu=0)
    upper.transport_open()
    tracemalloc.start()
    try:
        fed(upper, struct.pack(">BxI", kind, 0xFFFFFFF0) + bytes(64))
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    finally:
        tracemalloc.stop()


def test_the_data_is_not_copied(established: UpperLayer) -> None:
    """A value inside what was received is handed out as a view of it."""
    received = bytearray(p_data((1, 2, b"before")))
    (event,) = established.receive(memoryview(received))
    assert isinstance(event, DataReceived)
    received[-6:] = b"behind"
    assert bytes(event.data) == b"behind"


_STREAM = [
    p_data((1, 3, b"command")),
    p_data((1, 0, b"some"), (1, 0, b""), (1, 0, b" of ")),
    p_data((1, 2, b"it")),
    p_data((3, 3, b"another command")),
    RELEASE_RQ,
]


@given(st.data())
def test_any_split_of_the_bytes_gives_the_same_events(data: st.DataObject) -> None:
    """Where the transport cuts the stream has no meaning."""
    stream = b"".join(_STREAM)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=40).map(sorted))
    whole = UpperLayer(is_requestor=False, max_pdu=16384)
    parts = UpperLayer(is_requestor=False, max_pdu=16384)
    whole.state = parts.state = State.ESTABLISHED
    events: list[UpperLayerEvent] = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        events += [
            DataReceived(e.context_id, e.is_command, e.last, memoryview(bytes(e.data)))
            if isinstance(e, DataReceived)
            else e
            for e in fed(parts, stream[start:stop])
        ]
    assert joined(events) == joined(fed(whole, stream))
    assert len(joined(events)) == 4
    assert parts.state is whole.state is State.AWAITING_RELEASE_RESPONSE


def test_a_request_byte_by_byte(acceptor: UpperLayer, make_request: Callable[..., bytes]) -> None:
    """A-ASSOCIATE-RQ may come in single bytes."""
    request = make_request()
    events = [event for byte in request for event in fed(acceptor, bytes((byte,)))]
    (event,) = events
    assert isinstance(event, AssociateIndicated)
