"""The upper layer without a socket: bytes in, events and bytes out (PS3.8 section 9).

One `UpperLayer` is one side of one association. The driver gives it what arrives, sends what
`take_output` hands out, closes the transport when `must_close` says so, and runs the ARTIM timer
while `artim_running` is true, anew when `artim_starts` has grown. The tables in
`pacs_framework.network.state` decide everything else.
"""

from __future__ import annotations

from pacs_framework.network.associate import (
    FIXED_PART,
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
from pacs_framework.network.pdu import (
    PDATA_OVERHEAD,
    PDU_HEADER,
    PDV_HEADER,
    RELEASE_RP,
    RELEASE_RQ,
    AbortReason,
    AbortSource,
    PduType,
    encode_abort,
    encode_reject,
)
from pacs_framework.network.state import EFFECTS, TRANSITIONS, Action, Event, Send, State

__all__ = ["LARGEST_ASSOCIATE", "UpperLayer"]

LARGEST_ASSOCIATE = 1 << 20
"""Bytes of the longest A-ASSOCIATE-RQ or -AC we read: 128 contexts with all transfer syntaxes and
the largest user identity stay far below."""

_SHORT_BODY = 4
_COMMAND = 0x01
_LAST = 0x02

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

# What the next bytes are.
_FRAME, _BODY, _ITEM, _DATA, _SKIPPED = range(5)


class UpperLayer:
    """PS3.8 for one association; ``max_pdu`` is the limit that we announce, 0 for none."""

    __slots__ = (
        "_body_type",
        "_context_id",
        "_control",
        "_deaf",
        "_held",
        "_output",
        "_pdu_left",
        "_pdv_left",
        "_phase",
        "_reason",
        "artim_running",
        "artim_starts",
        "is_requestor",
        "max_pdu",
        "must_close",
        "state",
    )

    def __init__(self, *, is_requestor: bool, max_pdu: int) -> None:
        self.is_requestor = is_requestor
        self.max_pdu = max_pdu
        self.state = State.IDLE
        self.artim_running = False
        self.artim_starts = 0
        self.must_close = False
        self._output = bytearray()
        self._reason = AbortReason.NOT_SPECIFIED
        self._phase = _FRAME
        self._held = bytearray()
        self._body_type = PduType.ABORT
        self._pdu_left = 0
        self._pdv_left = 0
        self._context_id = 0
        self._control = 0
        self._deaf = False

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
        self._deaf = True
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
        return self._phase != _FRAME or bool(self._held)

    # --- what arrives -----------------------------------------------------------------------

    def receive(self, data: memoryview) -> list[UpperLayerEvent]:
        """What the bytes mean; `DataReceived` holds views of ``data``, all else is copied."""
        events: list[UpperLayerEvent] = []
        position, end = 0, len(data)
        while position < end and not self._deaf:
            position = self._PHASES[self._phase](self, data, position, events)
        return events

    def _hold(self, data: memoryview, position: int, size: int) -> int:
        """Keep bytes back until ``size`` are together."""
        stop = min(len(data), position + size - len(self._held))
        self._held += data[position:stop]
        return stop

    def _read_frame(self, data: memoryview, position: int, events: list[UpperLayerEvent]) -> int:
        if not self._held and len(data) - position >= PDU_HEADER.size:
            kind, length = PDU_HEADER.unpack_from(data, position)
            position += PDU_HEADER.size
        else:
            position = self._hold(data, position, PDU_HEADER.size)
            if len(self._held) < PDU_HEADER.size:
                return position
            kind, length = PDU_HEADER.unpack(self._held)
            self._held.clear()
        if kind == PduType.P_DATA_TF:
            self._begin_data(length, events)
        else:
            self._begin_body(kind, length, events)
        return position

    def _begin_data(self, length: int, events: list[UpperLayerEvent]) -> None:
        if self.max_pdu and length > self.max_pdu:
            self._garbled(f"P-DATA-TF of {length} bytes, announced were {self.max_pdu}", events)
            return
        if length < PDATA_OVERHEAD:
            self._garbled(f"P-DATA-TF of {length} bytes holds no data value", events)
            return
        self._pdu_left = length
        action = self._received(Event.DATA_RECEIVED, "P-DATA-TF", events)
        self._phase = _ITEM if action in (Action.DT_2, Action.AR_6) else _SKIPPED

    def _begin_body(self, kind: int, length: int, events: list[UpperLayerEvent]) -> None:
        if kind not in _RECEIVED:
            self._garbled(f"PDU type {kind:#04x} is unknown", events, AbortReason.UNRECOGNIZED_PDU)
            return
        associate = kind in (PduType.ASSOCIATE_RQ, PduType.ASSOCIATE_AC)
        low, high = (FIXED_PART, LARGEST_ASSOCIATE) if associate else (_SHORT_BODY, _SHORT_BODY)
        if not low <= length <= high:
            self._garbled(f"{PduType(kind).name} of {length} bytes", events)
            return
        self._body_type = PduType(kind)
        self._pdu_left = length
        self._phase = _BODY

    def _read_body(self, data: memoryview, position: int, events: list[UpperLayerEvent]) -> int:
        position = self._hold(data, position, self._pdu_left)
        if len(self._held) == self._pdu_left:
            body = bytes(self._held)
            self._held.clear()
            self._phase = _FRAME
            self._take_body(body, events)
        return position

    def _read_item(self, data: memoryview, position: int, events: list[UpperLayerEvent]) -> int:
        if not self._held and len(data) - position >= PDV_HEADER.size:
            length, context_id, control = PDV_HEADER.unpack_from(data, position)
            position += PDV_HEADER.size
        else:
            position = self._hold(data, position, PDV_HEADER.size)
            if len(self._held) < PDV_HEADER.size:
                return position
            length, context_id, control = PDV_HEADER.unpack(self._held)
            self._held.clear()
        if length < 2 or length + 4 > self._pdu_left:
            self._garbled(f"a PDV of {length} bytes with {self._pdu_left} left in its PDU", events)
            return position
        self._pdv_left = length - 2
        self._pdu_left -= length + 4
        self._context_id = context_id
        self._control = control
        if self._pdv_left == 0:
            self._hand_out(data[position:position], events)
        else:
            self._phase = _DATA
        return position

    def _read_data(self, data: memoryview, position: int, events: list[UpperLayerEvent]) -> int:
        stop = min(len(data), position + self._pdv_left)
        self._pdv_left -= stop - position
        self._hand_out(data[position:stop], events)
        return stop

    def _hand_out(self, piece: memoryview, events: list[UpperLayerEvent]) -> None:
        complete = self._pdv_left == 0
        control = self._control
        events.append(
            DataReceived(
                self._context_id,
                bool(control & _COMMAND),
                complete and bool(control & _LAST),
                piece,
            )
        )
        if complete:
            self._end_item(events)

    def _end_item(self, events: list[UpperLayerEvent]) -> None:
        if self._pdu_left == 0:
            self._phase = _FRAME
        elif self._pdu_left < PDATA_OVERHEAD:
            self._garbled(f"{self._pdu_left} stray bytes at the end of a P-DATA-TF", events)
        else:
            self._phase = _ITEM

    def _skip(self, data: memoryview, position: int, events: list[UpperLayerEvent]) -> int:  # noqa: ARG002 - one of _PHASES
        stop = min(len(data), position + self._pdu_left)
        self._pdu_left -= stop - position
        if self._pdu_left == 0:
            self._phase = _FRAME
        return stop

    _PHASES = (_read_frame, _read_body, _read_item, _read_data, _skip)  # by _FRAME … _SKIPPED

    # --- what a complete PDU does -----------------------------------------------------------

    def _take_body(self, body: bytes, events: list[UpperLayerEvent]) -> None:
        kind = self._body_type
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

    def _garbled(
        self,
        message: str,
        events: list[UpperLayerEvent],
        reason: AbortReason = AbortReason.INVALID_PDU_PARAMETER_VALUE,
    ) -> None:
        """As `_refuse`, where it is lost where the next PDU begins: nothing more is read."""
        self._deaf = True
        self._refuse(reason, message, events)

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
