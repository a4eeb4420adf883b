"""PDUs out of a stream of bytes, wherever the transport cut it (PS3.8 section 9.3.1).

P-DATA-TF passes through piece by piece, so its length costs no memory; the other PDUs are short
and come out whole. Only lengths and types are judged here.
"""

from __future__ import annotations

from dataclasses import dataclass

from pacs_framework.network.associate import FIXED_PART
from pacs_framework.network.events import DataReceived, UpperLayerEvent
from pacs_framework.network.pdu import (
    DATA_HEADER,
    PDATA_OVERHEAD,
    PDU_HEADER,
    PDV_HEADER,
    AbortReason,
    PduType,
)

__all__ = [
    "DATA_BEGUN",
    "LARGEST_ASSOCIATE",
    "BodyReceived",
    "DataBegun",
    "Frame",
    "FrameReader",
    "Garbled",
]

LARGEST_ASSOCIATE = 1 << 20
"""Bytes of the longest A-ASSOCIATE-RQ or -AC we read: 128 contexts with all transfer syntaxes and
the largest user identity stay far below."""

_SHORT_BODY = 4
_COMMAND = 0x01
_LAST = 0x02
_ASSOCIATE = (PduType.ASSOCIATE_RQ, PduType.ASSOCIATE_AC)
_KINDS = {int(kind): kind for kind in PduType}
_P_DATA_TF = int(PduType.P_DATA_TF)
_UNLIMITED = 1 << 32

# What the next bytes are.
_FRAME, _BODY, _ITEM, _DATA = range(4)


@dataclass(frozen=True, slots=True)
class DataBegun:
    """The header of a P-DATA-TF: the values that follow belong to it."""


DATA_BEGUN = DataBegun()


@dataclass(frozen=True, slots=True)
class BodyReceived:
    """Any other PDU, complete: its type, and the bytes behind its header."""

    kind: PduType
    body: bytes


@dataclass(frozen=True, slots=True)
class Garbled:
    """What arrived is no PDU; where the next one begins is lost, so nothing more is read."""

    reason: AbortReason
    message: str


Frame = DataBegun | DataReceived | BodyReceived | Garbled


class FrameReader:
    """Cuts what arrives into frames; ``max_pdu`` bounds P-DATA-TF, 0 does not."""

    __slots__ = (
        "_body_type",
        "_context_id",
        "_control",
        "_deaf",
        "_held",
        "_pdu_left",
        "_pdv_left",
        "_phase",
        "max_pdu",
    )

    def __init__(self, *, max_pdu: int) -> None:
        self.max_pdu = max_pdu
        self._phase = _FRAME
        self._held = bytearray()
        self._body_type = PduType.ABORT
        self._pdu_left = 0
        self._pdv_left = 0
        self._context_id = 0
        self._control = 0
        self._deaf = False

    @property
    def mid_pdu(self) -> bool:
        """Whether a PDU has begun to arrive and is not complete."""
        return self._phase != _FRAME or bool(self._held)

    def stop(self) -> None:
        """Read nothing more."""
        self._deaf = True

    def whole_values(self, data: memoryview, values: list[UpperLayerEvent]) -> int:
        """Append the values at the start of ``data`` that are alone and whole in a P-DATA-TF, as
        nearly all are. Returns where something else begins, which is for `feed`.
        """
        if self._phase != _FRAME or self._held or self._deaf:
            return 0
        unpack, limit = DATA_HEADER.unpack_from, self.max_pdu or _UNLIMITED
        position, end = 0, len(data)
        while end - position >= DATA_HEADER.size:
            kind, length, size, context_id, control = unpack(data, position)
            stop = position + length + PDU_HEADER.size
            if kind != _P_DATA_TF or size + 4 != length or size < 2 or length > limit or stop > end:
                break
            piece = data[position + DATA_HEADER.size : stop]
            command, last = control & _COMMAND != 0, control & _LAST != 0
            values.append(DataReceived(context_id, command, last, piece))
            position = stop
        return position

    def feed(self, data: memoryview) -> list[Frame]:
        """The frames in ``data``; `DataReceived` holds views of it, all else is copied."""
        frames: list[Frame] = []
        position, end = 0, len(data)
        while position < end and not self._deaf:
            position = self._PHASES[self._phase](self, data, position, frames)
        return frames

    def _hold(self, data: memoryview, position: int, size: int) -> int:
        """Keep bytes back until ``size`` are together."""
        stop = min(len(data), position + size - len(self._held))
        self._held += data[position:stop]
        return stop

    def _read_frame(self, data: memoryview, position: int, frames: list[Frame]) -> int:
        if not self._held and len(data) - position >= PDU_HEADER.size:
            kind, length = PDU_HEADER.unpack_from(data, position)
            position += PDU_HEADER.size
        else:
            position = self._hold(data, position, PDU_HEADER.size)
            if len(self._held) < PDU_HEADER.size:
                return position
            kind, length = PDU_HEADER.unpack(self._held)
            self._held.clear()
        if kind == _P_DATA_TF:
            self._begin_data(length, frames)
        else:
            self._begin_body(kind, length, frames)
        return position

    def _begin_data(self, length: int, frames: list[Frame]) -> None:
        if self.max_pdu and length > self.max_pdu:
            self._garbled(f"P-DATA-TF of {length} bytes, announced were {self.max_pdu}", frames)
            return
        if length < PDATA_OVERHEAD:
            self._garbled(f"P-DATA-TF of {length} bytes holds no data value", frames)
            return
        self._pdu_left = length
        self._phase = _ITEM
        frames.append(DATA_BEGUN)

    def _begin_body(self, number: int, length: int, frames: list[Frame]) -> None:
        kind = _KINDS.get(number)
        if kind is None:
            message = f"PDU type {number:#04x} is unknown"
            self._garbled(message, frames, AbortReason.UNRECOGNIZED_PDU)
            return
        low, high = (
            (FIXED_PART, LARGEST_ASSOCIATE) if kind in _ASSOCIATE else (_SHORT_BODY, _SHORT_BODY)
        )
        if not low <= length <= high:
            self._garbled(f"{kind.name} of {length} bytes", frames)
            return
        self._body_type = kind
        self._pdu_left = length
        self._phase = _BODY

    def _read_body(self, data: memoryview, position: int, frames: list[Frame]) -> int:
        position = self._hold(data, position, self._pdu_left)
        if len(self._held) == self._pdu_left:
            frames.append(BodyReceived(self._body_type, bytes(self._held)))
            # Not cleared: an association should not keep the room its request once took.
            self._held = bytearray()
            self._phase = _FRAME
        return position

    def _read_item(self, data: memoryview, position: int, frames: list[Frame]) -> int:
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
            self._garbled(f"a PDV of {length} bytes with {self._pdu_left} left in its PDU", frames)
            return position
        self._pdv_left = length - 2
        self._pdu_left -= length + 4
        self._context_id = context_id
        self._control = control
        if self._pdv_left == 0:
            self._hand_out(data[position:position], frames)
        else:
            self._phase = _DATA
        return position

    def _read_data(self, data: memoryview, position: int, frames: list[Frame]) -> int:
        stop = min(len(data), position + self._pdv_left)
        self._pdv_left -= stop - position
        self._hand_out(data[position:stop], frames)
        return stop

    def _hand_out(self, piece: memoryview, frames: list[Frame]) -> None:
        complete = self._pdv_left == 0
        control = self._control
        frames.append(
            DataReceived(
                self._context_id,
                bool(control & _COMMAND),
                complete and bool(control & _LAST),
                piece,
            )
        )
        if complete:
            self._end_item(frames)

    def _end_item(self, frames: list[Frame]) -> None:
        if self._pdu_left == 0:
            self._phase = _FRAME
        elif self._pdu_left < PDATA_OVERHEAD:
            self._garbled(f"{self._pdu_left} stray bytes at the end of a P-DATA-TF", frames)
        else:
            self._phase = _ITEM

    def _garbled(
        self,
        message: str,
        frames: list[Frame],
        reason: AbortReason = AbortReason.INVALID_PDU_PARAMETER_VALUE,
    ) -> None:
        self._deaf = True
        frames.append(Garbled(reason, message))

    _PHASES = (_read_frame, _read_body, _read_item, _read_data)  # by _FRAME … _DATA
