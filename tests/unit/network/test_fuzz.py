"""Random and mutated bytes: the readers end in `ProtocolError` or an abort, and in nothing else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_framework.network.associate import AssociateAnswer, ResultItem
from pacs_framework.network.associate_reader import decode_accept, decode_request
from pacs_framework.network.associate_writer import encode_accept, encode_items, encode_request
from pacs_framework.network.command_set import decode_command, encode_command
from pacs_framework.network.decisions import ProposedContext, UserIdentity
from pacs_framework.network.dimse import COMMAND, MessageReader, fragments
from pacs_framework.network.errors import ProtocolError
from pacs_framework.network.events import DataReceived, ProviderAborted
from pacs_framework.network.pdu import RELEASE_RP, RELEASE_RQ
from pacs_framework.network.state import State
from pacs_framework.network.upper_layer import UpperLayer

CT = "1.2.840.10008.5.1.4.1.1.2"
SYNTAXES = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")

REQUEST = encode_request(
    calling_aet="ME",
    called_aet="YOU",
    contexts=(
        ProposedContext(context_id=1, abstract_syntax=CT, transfer_syntaxes=SYNTAXES, scp=True),
        ProposedContext(
            context_id=3, abstract_syntax="1.2.840.10008.1.1", transfer_syntaxes=SYNTAXES
        ),
    ),
    max_pdu=16384,
    extended={CT: b"\1\1\1"},
    user_identity=UserIdentity(kind=2, primary=b"u", secondary=b"p", response_requested=True),
)
ANSWER = encode_accept(
    encode_items(
        AssociateAnswer(
            results=(ResultItem(context_id=1, result=0, transfer_syntax=SYNTAXES[0]),),
            max_pdu=16384,
            roles={CT: (True, True)},
            extended={CT: b"\1"},
            asynchronous_operations=(1, 1),
            user_identity_response=b"",
        )
    ),
    bytes(32),
)
COMMAND_SET = encode_command(
    {
        "AffectedSOPClassUID": CT,
        "CommandField": 1,
        "MessageID": 1,
        "CommandDataSetType": 1,
        "AffectedSOPInstanceUID": "1.2.3",
        "OffendingElement": (0x00100010,),
    }
)
MESSAGE = b"".join(fragments(1, COMMAND, COMMAND_SET, 40)) + b"".join(
    fragments(1, 0, bytes(100), 64)
)
TRAFFIC = [REQUEST, ANSWER, MESSAGE, RELEASE_RQ, RELEASE_RP, MESSAGE + RELEASE_RQ]


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """Valid traffic with bytes changed, cut out, doubled or put in."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        stop = start + draw(st.integers(0, 8))
        replacement = draw(
            st.one_of(st.binary(max_size=8), st.just(bytes(data[start:stop]) * 2), st.just(b"\xff"))
        )
        data[start:stop] = replacement
    return bytes(data)


def noise(originals: list[bytes]) -> st.SearchStrategy[bytes]:
    return st.one_of(st.binary(max_size=300), mutated(originals))


_quick = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_quick
@given(noise(TRAFFIC), st.sampled_from([s for s in State if s is not State.AWAITING_TRANSPORT]))
def test_the_upper_layer_bears_any_bytes(data: bytes, state: State) -> None:
    """In every state: events and perhaps an A-ABORT, whose bytes are a whole PDU, never more."""
    upper = UpperLayer(is_requestor=state is State.AWAITING_ASSOCIATE_ANSWER, max_pdu=16384)
    upper.state = state
    reader = MessageReader()
    for event in upper.receive(memoryview(data)):
        if isinstance(event, DataReceived):
            try:
                reader.feed(event)
            except ProtocolError as error:
                upper.violation(error)
                break
        if isinstance(event, ProviderAborted):
            assert upper.state is State.AWAITING_CLOSE
    output = upper.take_output()
    assert len(output) % 10 == 0
    upper.transport_closed()
    assert upper.state is State.IDLE


def _outcome(parts: Iterable[bytes]) -> tuple[list[object], State, bytes]:
    """What an association makes of bytes that come in these parts: values put together again."""
    upper = UpperLayer(is_requestor=False, max_pdu=16384)
    upper.state = State.ESTABLISHED
    seen: list[object] = []
    for part in parts:
        for event in upper.receive(memoryview(part)):
            if not isinstance(event, DataReceived):
                seen.append(event)
                continue
            kind = (event.context_id, event.is_command)
            if seen and isinstance(seen[-1], list) and seen[-1][:2] == [kind, False]:
                seen[-1] = [kind, event.last, seen[-1][2] + bytes(event.data)]
            else:
                seen.append([kind, event.last, bytes(event.data)])
    return seen, upper.state, upper.take_output()


@_quick
@given(noise([MESSAGE, MESSAGE + RELEASE_RQ, MESSAGE * 2]))
def test_byte_by_byte_or_at_once_is_the_same(data: bytes) -> None:
    """Good and bad traffic alike: values, states and answers do not depend on how it arrives."""
    assert _outcome([data]) == _outcome(data[i : i + 1] for i in range(len(data)))


@_quick
@given(noise([REQUEST[6:], ANSWER[6:]]))
@pytest.mark.parametrize("decode", [decode_request, decode_accept])
def test_association_items_bear_any_bytes(decode: Callable[[bytes], object], data: bytes) -> None:
    """A record or a ProtocolError."""
    try:
        decode(data)
    except ProtocolError as error:
        assert str(error)  # noqa: PT017 - either outcome is allowed, another exception is not


@_quick
@given(noise([COMMAND_SET]))
def test_command_sets_bear_any_bytes(data: bytes) -> None:
    """Elements or a ProtocolError."""
    try:
        elements = decode_command(data)
    except ProtocolError:
        return
    assert all(isinstance(keyword, str) for keyword in elements)


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_memory_follows_what_arrived(data: bytes) -> None:
    """No claim of a length makes room before the bytes are there."""
    upper = UpperLayer(is_requestor=False, max_pdu=0)
    upper.state = State.ESTABLISHED
    tracemalloc.start()
    try:
        upper.receive(memoryview(data))
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
