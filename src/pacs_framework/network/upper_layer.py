"""The upper layer without a socket: bytes in, events and bytes out (PS3.8 section 9).

One `UpperLayer` is one side of one association. The driver gives it what arrives, sends what
`take_output` hands out, closes the transport when `must_close` says so, and runs the ARTIM timer
while `artim_running` is true, anew when `artim_starts` has grown. The tables in
`pacs_framework.network.state` decide everything else.
"""

from __future__ import annotations

from pacs_framework.network.associate_reader import (
    decode_accept,
    decode_request,
    speaks_our_version,
)
from pacs_framework.network.decisions import Rejection, RejectReason, RejectResult
from pacs_framework.network.errors import ProtocolError
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
from pacs_framework.network.frames import DATA_BEGUN, BodyReceived, FrameReader, Garbled
from pacs_framework.network.pdu import (
    RELEASE_RP,
    RELEASE_RQ,
    AbortReason,
    AbortSource,
    PduType,
    encode_abort,
    encode_reject,
)
from pacs_framework.network.state import EFFECTS, TRANSITIONS, Action, Event, Send, State

__all__ = ["UpperLayer"]

_ESTABLISHED = State.ESTABLISHED

_RECEIVED = {
    PduType.ASSOCIATE_RQ: Event.ASSOCIATE_RQ_RECEIVED,
    PduType.ASSOCIATE_AC: Event.ASSOCIATE_AC_RECEIVED,
    PduType.ASSOCIATE_RJ: Event.ASSOCIATE_RJ_RECEIVED,
    PduType.RELEASE_RQ: Event.RELEASE_RQ_RECEIVED,
    PduType.RELEASE_RP: Event.RELEASE_RP_RECEIVED,
    PduType.ABORT: Event.ABORT_RECEIVED,
}

_WRONG_VERSION = Rejection(
    reason=RejectReason.PROTOCOL_VERSION_NOT_SUPPORTED,
    result=RejectResult.PERMANENT,
    note="the protocol version lacks bit 0",
)


class UpperLayer:
    """PS3.8 for one association; ``max_pdu`` is the limit that we announce, 0 for none."""

    __slots__ = (
        "_delivering",
        "_frames",
        "_output",
        "_reason",
        "artim_running",
        "artim_starts",
        "is_requestor",
        "must_close",
        "state",
    )

    def __init__(self, *, is_requestor: bool, max_pdu: int) -> None:
        self.is_requestor = is_requestor
        self.state = State.IDLE
        self.artim_running = False
        self.artim_starts = 0
        self.must_close = False
        self._frames = FrameReader(max_pdu=max_pdu)
        self._delivering = False
        self._output = bytearray()
        self._reason = AbortReason.NOT_SPECIFIED

    # --- what the driver asks for -----------------------------------------------------------

    def associate(self) -> None:
        """A-ASSOCIATE request: the driver opens the transport (AE-1)."""
        self._fire(Event.ASSOCIATE_REQUEST)

    def transport_open(self, request: bytes = b"") -> None:
        """The transport stands: as requestor send ``request`` (AE-2), else start ARTIM (AE-5)."""
        self._fire(
            Event.TRANSPORT_CONFIRMED if self.is_requestor else Event.TRANSPORT_INDICATED, request
        )

    def accept(self, answer: bytes) -> None:
        """A-ASSOCIATE response: send the encoded A-ASSOCIATE-AC (AE-7)."""
        self._fire(Event.ASSOCIATE_ACCEPT, answer)

    def reject(self, rejection: Rejection) -> None:
        """A-ASSOCIATE response, negative: send A-ASSOCIATE-RJ (AE-8)."""
        self._fire(Event.ASSOCIATE_REJECT, encode_reject(rejection))

    def send_data(self) -> None:
        """P-DATA request (DT-1, AR-7): checks the state; the driver sends the bytes itself."""
        self._fire(Event.DATA_REQUEST)

    def release(self) -> None:
        """A-RELEASE request (AR-1)."""
        self._fire(Event.RELEASE_REQUEST)

    def answer_release(self) -> None:
        """A-RELEASE response (AR-4, AR-9)."""
        self._fire(Event.RELEASE_RESPONSE)

    def abort(self) -> None:
        """A-ABORT request, source: service-user (AA-1, AA-2)."""
        self._fire(Event.ABORT_REQUEST)

    def violation(self, error: ProtocolError) -> ProviderAborted | None:
        """What the peer sent is wrong above the PDU frame: A-P-ABORT (event 19)."""
        events: list[UpperLayerEvent] = []
        self._refuse(error.reason, str(error), events)
        self._frames.stop()
        for event in events:
            if isinstance(event, ProviderAborted):
                return event
        return None

    def can(self, event: Event) -> bool:
        """Whether the state table has a transition for ``event`` now."""
        return TRANSITIONS[event][self.state] is not None

    def artim_expired(self) -> None:
        """The ARTIM timer ran out (AA-2)."""
        self._fire(Event.ARTIM_EXPIRED)

    def transport_closed(self) -> list[UpperLayerEvent]:
        """The peer closed, or the connection broke (AA-4, AA-5, AR-5)."""
        if self.state is State.IDLE:
            return []
        action = self._fire(Event.TRANSPORT_CLOSED)
        return [ConnectionClosed(orderly=action is not Action.AA_4)]

    def take_output(self) -> bytes:
        """What is to be sent now; each byte is handed out once."""
        output = bytes(self._output)
        self._output.clear()
        return output

    @property
    def has_output(self) -> bool:
        """Whether `take_output` has anything to give."""
        return bool(self._output)

    @property
    def mid_pdu(self) -> bool:
        """Whether a PDU has begun to arrive and is not complete."""
        return self._frames.mid_pdu

    # --- what arrives -----------------------------------------------------------------------

    def receive(self, data: memoryview) -> list[UpperLayerEvent]:
        """What the bytes mean; `DataReceived` holds views of ``data``, all else is copied."""
        events: list[UpperLayerEvent] = []
        if self.state is _ESTABLISHED:
            # DT-2 hands the values out and changes nothing, so no table is asked about each.
            position = self._frames.whole_values(data, events)
            if position == len(data):
                return events
            data = data[position:]
        for frame in self._frames.feed(data):
            if type(frame) is DataReceived:
                if self._delivering:
                    events.append(frame)
            elif frame is DATA_BEGUN:
                action = self._received(Event.DATA_RECEIVED, "P-DATA-TF", events)
                self._delivering = action in _DELIVERING
            elif isinstance(frame, BodyReceived):
                self._take_body(frame.kind, frame.body, events)
            elif isinstance(frame, Garbled):
                self._refuse(frame.reason, frame.message, events)
        return events

    # --- what a complete PDU does -----------------------------------------------------------

    def _take_body(self, kind: PduType, body: bytes, events: list[UpperLayerEvent]) -> None:
        try:
            indication = self._read_indication(kind, body)
        except ProtocolError as error:
            self._refuse(error.reason, str(error), events)
            return
        action = self._received(_RECEIVED[kind], kind.name, events)
        if action is Action.AE_6 and not speaks_our_version(body):
            self.reject(_WRONG_VERSION)
            indication = RequestUnacceptable(rejection=_WRONG_VERSION)
        elif action is Action.AR_8:
            indication = ReleaseCollided()
        if action in _INDICATING and indication is not None:
            events.append(indication)

    def _read_indication(self, kind: PduType, body: bytes) -> UpperLayerEvent | None:
        """The event of a PDU where it is expected; items are read in that state only."""
        if kind is PduType.ASSOCIATE_RQ:
            wanted = self.state is State.AWAITING_ASSOCIATE_RQ and speaks_our_version(body)
            return AssociateIndicated(request=decode_request(body)) if wanted else None
        if kind is PduType.ASSOCIATE_AC:
            wanted = self.state is State.AWAITING_ASSOCIATE_ANSWER
            return AssociateConfirmed(answer=decode_accept(body)) if wanted else None
        if kind is PduType.ASSOCIATE_RJ:
            return AssociateRefused(result=body[1], source=body[2], reason=body[3])
        if kind is PduType.RELEASE_RQ:
            return ReleaseIndicated()
        if kind is PduType.RELEASE_RP:
            return ReleaseConfirmed()
        return AbortIndicated(source=body[2], reason=body[3])

    def _received(self, event: Event, name: str, events: list[UpperLayerEvent]) -> Action | None:
        """Fire the event of a well-formed PDU; in the wrong state it ends in A-P-ABORT."""
        if TRANSITIONS[event][self.state] is None:
            return None
        self._reason = AbortReason.UNEXPECTED_PDU
        state = self.state
        action = self._fire(event)
        if action in _ABORTING:
            message = f"{name} is unexpected in state {state.name}"
            events.append(ProviderAborted(reason=AbortReason.UNEXPECTED_PDU, message=message))
        return action

    def _refuse(self, reason: AbortReason, message: str, events: list[UpperLayerEvent]) -> None:
        """Event 19: an unrecognized or invalid PDU."""
        if TRANSITIONS[Event.INVALID_PDU][self.state] is None:
            return
        self._reason = reason
        self._fire(Event.INVALID_PDU)
        events.append(ProviderAborted(reason=reason, message=message))

    def _fire(self, event: Event, given: bytes = b"") -> Action:
        transition = TRANSITIONS[event][self.state]
        if transition is None:
            raise RuntimeError(f"{event.name} cannot happen in state {self.state.name}")
        action = transition.action
        send, artim, close = EFFECTS[action]
        if send is not None:
            self._output += self._encoded(send, given)
        if artim is not None:
            self.artim_running = artim
            self.artim_starts += artim
        if close:
            self.must_close = True
        self.state = transition.as_requestor if self.is_requestor else transition.as_acceptor
        return action

    def _encoded(self, send: Send, given: bytes) -> bytes:
        if send is Send.GIVEN:
            return given
        if send is Send.RELEASE_RQ:
            return RELEASE_RQ
        if send is Send.RELEASE_RP:
            return RELEASE_RP
        if send is Send.ABORT_AS_USER:
            return encode_abort(AbortSource.SERVICE_USER, AbortReason.NOT_SPECIFIED)
        return encode_abort(AbortSource.SERVICE_PROVIDER, self._reason)


_DELIVERING = frozenset((Action.DT_2, Action.AR_6))
_ABORTING = frozenset((Action.AA_1, Action.AA_7, Action.AA_8))
_INDICATING = frozenset(
    (
        Action.AE_3,
        Action.AE_4,
        Action.AE_6,
        Action.AR_2,
        Action.AR_3,
        Action.AR_8,
        Action.AR_10,
        Action.AA_2,
        Action.AA_3,
    )
)
