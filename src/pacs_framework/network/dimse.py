"""Command sets and messages without a socket (PS3.7 sections 6.3 and 9, PS3.8 Annex E).

A command set is group 0000 in Implicit VR Little Endian, whatever was negotiated for the data set.
It is small and there are two for each instance, so it is read and written by hand here; pydicom's
dictionary names the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from struct import Struct

from pydicom.datadict import DicomDictionary  # type: ignore[attr-defined]

from pacs_framework.network.errors import ProtocolError
from pacs_framework.network.events import DataReceived
from pacs_framework.network.pdu import PDATA_OVERHEAD, data_header
from pacs_framework.network.service import CommandField

__all__ = [
    "COMMAND",
    "DATASET",
    "LARGEST_COMMAND_SET",
    "NO_DATASET",
    "RESPONSE",
    "CommandReceived",
    "MessageReader",
    "PieceReceived",
    "decode_command",
    "encode_command",
    "encode_response",
    "fragments",
]

RESPONSE = 0x8000
"""The bit of Command Field (0000,0100) that marks a response (PS3.7 E.1)."""

NO_DATASET = 0x0101
"""Command Data Set Type (0000,0800) of a message without a data set (PS3.7 E.1)."""

DATASET = 0x0001
"""Command Data Set Type of a message with one: any value but `NO_DATASET`."""

COMMAND = 0x01
"""Bit 0 of the message control header: the fragment belongs to a command set (PS3.8 E.2)."""

LAST = 0x02
"""Bit 1 of the message control header: the last fragment of its command set or data set."""

LARGEST_COMMAND_SET = 1 << 16
"""Bytes of the longest command set we read; a longer one is a protocol error."""

_HEADER = Struct("<HHI")
_US = Struct("<H")
_UL = Struct("<I")
_COMMENT_LENGTH = 64

_Value = int | str | tuple[int, ...]
_Decoder = Callable[[bytes], _Value | None]


# --- values ---------------------------------------------------------------------------------


def _numbers(struct: Struct) -> _Decoder:
    def decode(value: bytes) -> _Value | None:
        if len(value) == struct.size:
            number: int = struct.unpack(value)[0]
            return number
        if len(value) % struct.size:
            raise ProtocolError(f"{len(value)} bytes are no numbers of {struct.size} bytes")
        return tuple(number for (number,) in struct.iter_unpack(value)) or None

    return decode


def _tags(value: bytes) -> _Value | None:
    if len(value) % 4:
        raise ProtocolError(f"{len(value)} bytes are no attribute tags")
    return tuple(
        int.from_bytes(value[i : i + 2], "little") << 16
        | int.from_bytes(value[i + 2 : i + 4], "little")
        for i in range(0, len(value), 4)
    )


def _text(value: bytes) -> _Value | None:
    return value.decode("latin-1").strip(" \0")


def _pack_numbers(struct: Struct) -> Callable[[object], bytes]:
    def pack(value: object) -> bytes:
        if isinstance(value, int):
            return struct.pack(value)
        assert isinstance(value, Sequence)
        return b"".join(struct.pack(number) for number in value)

    return pack


def _pack_tags(value: object) -> bytes:
    tags = (value,) if isinstance(value, int) else value
    assert isinstance(tags, Sequence)
    return b"".join(_US.pack(tag >> 16) + _US.pack(tag & 0xFFFF) for tag in tags)


def _pack_uid(value: object) -> bytes:
    encoded = str(value).encode("ascii", "replace")
    return encoded + b"\0" if len(encoded) % 2 else encoded


def _pack_text(value: object) -> bytes:
    # A command set has no character set: what is not ASCII becomes a question mark.
    encoded = str(value).encode("ascii", "replace")
    return encoded + b" " if len(encoded) % 2 else encoded


_CODECS: dict[str, tuple[_Decoder, Callable[[object], bytes]]] = {
    "US": (_numbers(_US), _pack_numbers(_US)),
    "UL": (_numbers(_UL), _pack_numbers(_UL)),
    "AT": (_tags, _pack_tags),
    "UI": (_text, _pack_uid),
}
_TEXT_CODEC = (_text, _pack_text)

_DECODERS: dict[int, tuple[str, _Decoder]] = {}
_ENCODERS: dict[str, tuple[int, Callable[[object], bytes]]] = {}
for _tag, (_vr, _, _, _, _keyword) in DicomDictionary.items():
    if _tag >> 16 == 0:
        _decode, _encode = _CODECS.get(_vr, _TEXT_CODEC)
        _DECODERS[_tag] = (_keyword, _decode)
        _ENCODERS[_keyword] = (_tag, _encode)


# --- command sets ---------------------------------------------------------------------------


def decode_command(data: bytes) -> dict[str, object]:
    """The elements of a command set by keyword (PS3.7 section 6.3.1).

    Numbers are int, several of them a tuple, text and UIDs are stripped. Elements without a value
    and elements that the dictionary does not know are left out. Raises ProtocolError when it is
    no command set.
    """
    elements: dict[str, object] = {}
    position, end = 0, len(data)
    while position < end:
        if end - position < 8:
            raise ProtocolError(f"a command element is cut short at byte {position}")
        group, element, length = _HEADER.unpack_from(data, position)
        position += 8
        if group:
            raise ProtocolError(f"element ({group:04X},{element:04X}) in a command set")
        if length > end - position:
            raise ProtocolError(f"element (0000,{element:04X}) is longer than its command set")
        if element in _DECODERS and length:
            keyword, decode = _DECODERS[element]
            elements[keyword] = decode(data[position : position + length])
        position += length
    return elements


def _element(tag: int, value: bytes) -> bytes:
    return _HEADER.pack(0, tag, len(value)) + value


def _with_group_length(body: bytes) -> bytes:
    return _element(0, _UL.pack(len(body))) + body


def encode_command(elements: Mapping[str, object]) -> bytes:
    """A command set of elements by keyword, in order and with its group length (PS3.7 6.3.1).

    A value of None is left out. Raises KeyError for a keyword that is not of group 0000.
    """
    encoded = [
        (_ENCODERS[keyword][0], _ENCODERS[keyword][1](value))
        for keyword, value in elements.items()
        if value is not None and keyword != "CommandGroupLength"
    ]
    return _with_group_length(b"".join(_element(tag, value) for tag, value in sorted(encoded)))


_RESPONSE_TAIL = Struct("<HHIH HHIH HHIH")


@lru_cache(maxsize=512)
def _response_head(field: int, sop_class_uid: str) -> bytes:
    uid = _element(0x0002, _pack_uid(sop_class_uid)) if sop_class_uid else b""
    return uid + _element(0x0100, _US.pack(field | RESPONSE))


def encode_response(
    field: int,
    sop_class_uid: str,
    message_id: int,
    status: int,
    *,
    has_dataset: bool,
    sop_instance_uid: str,
) -> bytes:
    """The command set of a plain response, of the elements that every response has (PS3.7 9.3)."""
    instance = _element(0x1000, _pack_uid(sop_instance_uid)) if sop_instance_uid else b""
    tail = _RESPONSE_TAIL.pack(
        *(0, 0x0120, 2, message_id),
        *(0, 0x0800, 2, DATASET if has_dataset else NO_DATASET),
        *(0, 0x0900, 2, status),
    )
    return _with_group_length(_response_head(field, sop_class_uid) + tail + instance)


# --- messages -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """A complete command set. ``field`` is Command Field as sent, the response bit included."""

    context_id: int
    elements: dict[str, object]
    field: int
    has_dataset: bool

    @property
    def is_response(self) -> bool:
        """Whether it answers a request of ours."""
        return bool(self.field & RESPONSE)

    def number(self, keyword: str) -> int:
        """A required number; raises ProtocolError when the peer left it out."""
        value = self.elements.get(keyword)
        if not isinstance(value, int):
            raise ProtocolError(f"the command set of {self.name} has no usable {keyword}")
        return value

    @property
    def name(self) -> str:
        """The name of the operation, or its number when it has none."""
        field = self.field & ~RESPONSE
        if field not in _FIELD_NAMES:
            return f"{self.field:#06x}"
        return _FIELD_NAMES[field] + ("-RSP" if self.is_response else "-RQ")


_FIELD_NAMES = {int(field): field.name.replace("_", "-") for field in CommandField}


@dataclass(frozen=True, slots=True)
class PieceReceived:
    """A piece of the data set that the last command announced; a view of the received bytes."""

    data: memoryview
    last: bool


class _Expecting(Enum):
    COMMAND = "the start of a message"
    REST_OF_COMMAND = "more of a command set"
    DATASET = "a data set"


class MessageReader:
    """Puts messages together from presentation data values (PS3.8 Annex E, PS3.7 6.3).

    Fragments of one message are not mixed with those of another, nor a command with a data set:
    anything else raises ProtocolError.
    """

    __slots__ = ("_command", "_context_id", "_expecting")

    def __init__(self) -> None:
        self._expecting = _Expecting.COMMAND
        self._command = bytearray()
        self._context_id = 0

    @property
    def mid_message(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._expecting is not _Expecting.COMMAND

    def feed(self, piece: DataReceived) -> CommandReceived | PieceReceived | None:
        """A piece of a PDV; gives a command when it is complete, and data sets piece by piece."""
        if piece.is_command:
            return self._feed_command(piece)
        if self._expecting is not _Expecting.DATASET:
            raise ProtocolError(f"a data set fragment where {self._expecting.value} is due")
        self._check_context(piece)
        if piece.last:
            self._expecting = _Expecting.COMMAND
        return PieceReceived(piece.data, piece.last)

    def _check_context(self, piece: DataReceived) -> None:
        if piece.context_id != self._context_id:
            raise ProtocolError(
                f"a fragment on presentation context {piece.context_id} within a message on "
                f"{self._context_id}"
            )

    def _feed_command(self, piece: DataReceived) -> CommandReceived | None:
        if self._expecting is _Expecting.COMMAND:
            self._context_id = piece.context_id
            if piece.last:
                return self._complete(bytes(piece.data))
            self._expecting = _Expecting.REST_OF_COMMAND
        elif self._expecting is _Expecting.DATASET:
            raise ProtocolError("a command fragment where a data set is due")
        self._check_context(piece)
        self._command += piece.data
        if len(self._command) > LARGEST_COMMAND_SET:
            raise ProtocolError(f"a command set of more than {LARGEST_COMMAND_SET} bytes")
        if not piece.last:
            return None
        command = bytes(self._command)
        self._command.clear()
        return self._complete(command)

    def _complete(self, encoded: bytes) -> CommandReceived:
        elements = decode_command(encoded)
        field, data_set_type = elements.get("CommandField"), elements.get("CommandDataSetType")
        if not isinstance(field, int) or not isinstance(data_set_type, int):
            raise ProtocolError("a command set without Command Field or Command Data Set Type")
        has_dataset = data_set_type != NO_DATASET
        self._expecting = _Expecting.DATASET if has_dataset else _Expecting.COMMAND
        return CommandReceived(self._context_id, elements, field, has_dataset)


def fragments(
    context_id: int, kind: int, data: bytes | memoryview, size: int, *, complete: bool = True
) -> Iterator[bytes | memoryview]:
    """P-DATA-TF headers and views of ``data``, alternating, for sending as they are.

    ``kind`` is `COMMAND` or 0. ``size`` is the longest data of one PDV, see `largest_fragment`.
    With ``complete`` the final fragment is marked as the last one (PS3.8 E.2).
    """
    view, total = memoryview(data), len(data)
    for start in range(0, max(total, 1), size):
        stop = min(start + size, total)
        control = kind | LAST if complete and stop == total else kind
        yield data_header(context_id, control, stop - start)
        if stop > start:
            yield view[start:stop]


def largest_fragment(peer_max_pdu: int, ceiling: int) -> int:
    """Bytes of data in one PDV for a peer that announced ``peer_max_pdu`` (0: unlimited).

    ``ceiling`` is our own bound. Raises ProtocolError when nothing fits (PS3.8 D.1).
    """
    size = ceiling if peer_max_pdu == 0 else min(ceiling, peer_max_pdu - PDATA_OVERHEAD)
    # Fragments of an even number of bytes: some receivers rely on whole 16-bit words.
    size -= size % 2
    if size <= 0:
        raise ProtocolError(f"the peer's maximum length of {peer_max_pdu} leaves no room for data")
    return size


def shortened(comment: str) -> str:
    """An Error Comment (0000,0902): one line of at most 64 characters (VR LO)."""
    return " ".join(comment.replace("\\", "/").split())[:_COMMENT_LENGTH]
