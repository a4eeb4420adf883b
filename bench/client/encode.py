"""PDUs and DIMSE messages as bytes, made before the clock starts.

Written from PS3.8 section 9.3 and PS3.7 sections 6.3 and E.1, and on purpose not from the code of
the archive or of a peer: an error that both ends share would not be seen.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "ABORT",
    "MAX_PDU",
    "NO_DATASET",
    "RELEASE_RP",
    "RELEASE_RQ",
    "Buffers",
    "Context",
    "associate_accept",
    "associate_request",
    "cancel_request",
    "command",
    "echo_request",
    "fragmented",
    "message",
    "pdu",
    "query_request",
    "retrieve_request",
    "store_request",
    "store_response",
]

MAX_PDU = 131072
"""What the client announces: the longest PDU that DCMTK and Orthanc can send."""

NO_DATASET = 0x0101
_WITH_DATASET = 0x0001
_MOVE_DESTINATION = 0x0600  # the one AE title among what is sent: padded with a space, not NUL
_APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
_IMPLEMENTATION_CLASS = b"2.25.99361201835431174187316340254437014"
_IMPLEMENTATION_VERSION = b"PACS_BENCH"

_ASSOCIATE_RQ, _ASSOCIATE_AC, _P_DATA = 1, 2, 4
RELEASE_RQ = bytes.fromhex("05000000000400000000")
RELEASE_RP = bytes.fromhex("06000000000400000000")
ABORT = bytes.fromhex("07000000000400000000")

_PDU_HEADER = struct.Struct(">BxI")
_PDV_HEADER = struct.Struct(">BxIIBB")
_PDV_OVERHEAD = 6

Buffers = list[bytes | memoryview]
"""One message as it goes to ``sendmsg``."""


@dataclass(frozen=True, slots=True)
class Context:
    """A presentation context to propose; ``as_scp`` asks for the SCP role too (C-GET)."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    as_scp: bool = False


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def pdu(kind: int, body: bytes) -> bytes:
    """A PDU of any type (PS3.8 9.3.1)."""
    return _PDU_HEADER.pack(kind, len(body)) + body


def _user_information(contexts: Iterable[Context]) -> bytes:
    roles = [
        _item(0x54, struct.pack(">H", len(uid)) + uid.encode() + b"\1\1")
        for uid in (c.abstract_syntax for c in contexts if c.as_scp)
    ]
    body = [
        _item(0x51, struct.pack(">I", MAX_PDU)),
        _item(0x52, _IMPLEMENTATION_CLASS),
        *roles,
        _item(0x55, _IMPLEMENTATION_VERSION),
    ]
    return _item(0x50, b"".join(body))


def _associate(kind: int, calling: str, called: str, items: Iterable[bytes]) -> bytes:
    titles = called.ljust(16).encode() + calling.ljust(16).encode()
    head = struct.pack(">Hxx", 1) + titles + bytes(32)
    return pdu(kind, head + _item(0x10, _APPLICATION_CONTEXT) + b"".join(items))


def associate_request(calling: str, called: str, contexts: Sequence[Context]) -> bytes:
    """A-ASSOCIATE-RQ (PS3.8 9.3.2)."""
    proposed = [
        _item(
            0x20,
            bytes([c.context_id, 0, 0, 0])
            + _item(0x30, c.abstract_syntax.encode())
            + b"".join(_item(0x40, uid.encode()) for uid in c.transfer_syntaxes),
        )
        for c in contexts
    ]
    return _associate(_ASSOCIATE_RQ, calling, called, [*proposed, _user_information(contexts)])


def associate_accept(calling: str, called: str, accepted: Mapping[int, str]) -> bytes:
    """A-ASSOCIATE-AC that takes each context id with the transfer syntax given (PS3.8 9.3.3)."""
    answered = [
        _item(0x21, bytes([context_id, 0, 0, 0]) + _item(0x40, syntax.encode()))
        for context_id, syntax in accepted.items()
    ]
    return _associate(_ASSOCIATE_AC, calling, called, [*answered, _user_information(())])


def command(elements: Mapping[int, int | str]) -> bytes:
    """A command set, implicit VR little endian, its group length in front (PS3.7 6.3.1).

    Elements of group 0000 by number: an int is US, a str is UI, AE or LO.
    """
    body = b"".join(_element(number, elements[number]) for number in sorted(elements))
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def _element(number: int, value: int | str) -> bytes:
    if isinstance(value, int):
        return struct.pack("<HHIH", 0, number, 2, value)
    encoded = value.encode()
    if len(encoded) % 2:
        encoded += b" " if number == _MOVE_DESTINATION else b"\0"
    return struct.pack("<HHI", 0, number, len(encoded)) + encoded


def echo_request(message_id: int, sop_class: str) -> bytes:
    """C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return command({0x0002: sop_class, 0x0100: 0x0030, 0x0110: message_id, 0x0800: NO_DATASET})


def store_request(message_id: int, sop_class: str, sop_instance: str) -> bytes:
    """C-STORE-RQ (PS3.7 9.3.1.1)."""
    return command(
        {
            0x0002: sop_class,
            0x0100: 0x0001,
            0x0110: message_id,
            0x0700: 0,
            0x0800: _WITH_DATASET,
            0x1000: sop_instance,
        }
    )


def store_response(message_id: int, sop_class: str, sop_instance: str, status: int = 0) -> bytes:
    """C-STORE-RSP (PS3.7 9.3.1.2)."""
    return command(
        {
            0x0002: sop_class,
            0x0100: 0x8001,
            0x0120: message_id,
            0x0800: NO_DATASET,
            0x0900: status,
            0x1000: sop_instance,
        }
    )


def query_request(message_id: int, sop_class: str) -> bytes:
    """C-FIND-RQ (PS3.7 9.3.2.1)."""
    return _identified(message_id, sop_class, 0x0020)


def retrieve_request(message_id: int, sop_class: str, destination: str | None = None) -> bytes:
    """C-GET-RQ, or C-MOVE-RQ where a destination is given (PS3.7 9.3.3.1, 9.3.4.1)."""
    if destination is None:
        return _identified(message_id, sop_class, 0x0010)
    return _identified(message_id, sop_class, 0x0021, {_MOVE_DESTINATION: destination})


def _identified(
    message_id: int, sop_class: str, field: int, more: Mapping[int, int | str] | None = None
) -> bytes:
    elements: dict[int, int | str] = {
        0x0002: sop_class,
        0x0100: field,
        0x0110: message_id,
        0x0700: 0,
        0x0800: _WITH_DATASET,
    }
    return command({**elements, **(more or {})})


def cancel_request(message_id: int) -> bytes:
    """C-CANCEL-RQ (PS3.7 9.3.2.3)."""
    return command({0x0100: 0x0FFF, 0x0120: message_id, 0x0800: NO_DATASET})


def _header(context_id: int, control: int, length: int) -> bytes:
    return _PDV_HEADER.pack(_P_DATA, length + _PDV_OVERHEAD, length + 2, context_id, control)


def fragmented(
    context_id: int, pieces: Iterable[bytes | memoryview], total: int, max_pdu: int
) -> Iterator[bytes | memoryview]:
    """The P-DATA-TF PDUs of a data set of ``total`` bytes that comes in ``pieces``.

    Headers and views of the pieces alternate; nothing of the data is copied. ``max_pdu`` is what
    the peer announced (0: unlimited).
    """
    limit = (min(max_pdu, MAX_PDU) if max_pdu else MAX_PDU) - _PDV_OVERHEAD
    limit -= limit % 2
    left_in_total, left_in_fragment = total, 0
    for piece in pieces:
        view = memoryview(piece)
        while view:
            if not left_in_fragment:
                left_in_fragment = min(limit, left_in_total)
                last = left_in_fragment == left_in_total
                yield _header(context_id, 2 if last else 0, left_in_fragment)
            part = view[:left_in_fragment]
            yield part
            left_in_fragment -= len(part)
            left_in_total -= len(part)
            view = view[len(part) :]


def message(
    context_id: int,
    encoded_command: bytes,
    pieces: Iterable[bytes | memoryview] = (),
    total: int = 0,
    max_pdu: int = MAX_PDU,
) -> Buffers:
    """A whole DIMSE message as buffers: the command in a PDU of its own, then the data set."""
    first = _header(context_id, 3, len(encoded_command)) + encoded_command
    return [first, *fragmented(context_id, pieces, total, max_pdu)]
