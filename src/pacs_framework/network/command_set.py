"""Command sets: group 0000 in Implicit VR Little Endian (PS3.7 section 6.3).

They are small and there are two for each instance, so they are read and written by hand here;
pydicom's dictionary names the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pydicom.datadict import DicomDictionary  # type: ignore[attr-defined]

from pacs_framework.network.errors import ProtocolError

__all__ = [
    "DATASET",
    "NO_DATASET",
    "RESPONSE",
    "CommandReader",
    "decode_command",
    "encode_command",
    "encode_response",
    "shortened",
]

RESPONSE = 0x8000
"""The bit of Command Field (0000,0100) that marks a response (PS3.7 E.1)."""

NO_DATASET = 0x0101
"""Command Data Set Type (0000,0800) of a message without a data set (PS3.7 E.1)."""

DATASET = 0x0001
"""Command Data Set Type of a message with one: any value but `NO_DATASET`."""

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


_MESSAGE_IDS = {0x0110: "MessageID", 0x0120: "MessageIDBeingRespondedTo"}
_SOP_INSTANCE_UID = 0x1000
_MOST_PATTERNS, _LONGEST_PATTERN = 8, 512  # so an association keeps 8 KB of them at most


class _Pattern(NamedTuple):
    """A command set with two holes: the message id, and the SOP Instance UID if it has one.

    ``head``, ``middle`` and ``tail`` are the bytes around them; ``keyword`` is that of the id.
    """

    head: bytes
    middle: bytes
    tail: bytes
    keyword: str
    elements: dict[str, object]

    def read(self, data: bytes) -> dict[str, object] | None:
        """The elements of a command set of the same length; None where it does not fit."""
        number, uid = len(self.head), len(self.head) + 2 + len(self.middle)
        end = len(data) - len(self.tail)
        if data[:number] != self.head or data[number + 2 : uid] != self.middle:
            return None
        if data[end:] != self.tail:
            return None
        elements = self.elements.copy()
        elements[self.keyword] = _US.unpack_from(data, number)[0]
        if uid != end:
            elements["AffectedSOPInstanceUID"] = _text(data[uid:end])
        return elements


def _pattern(data: bytes, elements: dict[str, object]) -> _Pattern | None:
    """The pattern of a command set that `decode_command` has read."""
    numbers, uids = [], []
    position = 0
    while position < len(data):
        _, element, length = _HEADER.unpack_from(data, position)
        position += 8
        if element in _MESSAGE_IDS:
            numbers.append((element, position, length))
        elif element == _SOP_INSTANCE_UID:
            uids.append((position, position + length))
        position += length
    if len(numbers) != 1 or len(uids) > 1:
        return None
    element, number, length = numbers[0]
    uid, end = uids[0] if uids else (len(data), len(data))
    if length != _US.size or uid < number:
        return None
    keyword = _MESSAGE_IDS[element]
    return _Pattern(data[:number], data[number + 2 : uid], data[end:], keyword, elements)


class CommandReader:
    """Reads the command sets of one association, most of which differ in two values only."""

    __slots__ = ("_patterns",)

    def __init__(self) -> None:
        self._patterns: dict[int, _Pattern] = {}

    def decode(self, data: bytes) -> dict[str, object]:
        """As `decode_command` does."""
        pattern = self._patterns.get(len(data))
        elements = pattern.read(data) if pattern is not None else None
        return self._read_anew(data) if elements is None else elements

    def _read_anew(self, data: bytes) -> dict[str, object]:
        elements = decode_command(data)
        pattern = _pattern(data, elements.copy()) if len(data) <= _LONGEST_PATTERN else None
        if pattern is not None:
            if len(self._patterns) >= _MOST_PATTERNS:
                self._patterns.clear()
            self._patterns[len(data)] = pattern
        return elements


def _element(tag: int, value: bytes) -> bytes:
    return _HEADER.pack(0, tag, len(value)) + value


_GROUP_LENGTH = Struct("<HHII")


def _with_group_length(body: bytes) -> bytes:
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


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


@lru_cache(maxsize=512)
def _response_parts(
    field: int, sop_class_uid: str, status: int, has_dataset: bool
) -> tuple[bytes, bytes]:
    """What stands in a response before and behind the message id, the group length aside."""
    uid = _element(0x0002, _pack_uid(sop_class_uid)) if sop_class_uid else b""
    head = uid + _element(0x0100, _US.pack(field | RESPONSE)) + _HEADER.pack(0, 0x0120, _US.size)
    data_set_type = _element(0x0800, _US.pack(DATASET if has_dataset else NO_DATASET))
    return head, data_set_type + _element(0x0900, _US.pack(status))


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
    head, tail = _response_parts(field, sop_class_uid, status, has_dataset)
    body = head + _US.pack(message_id) + tail
    if sop_instance_uid:
        body += _element(_SOP_INSTANCE_UID, _pack_uid(sop_instance_uid))
    return _with_group_length(body)


def shortened(comment: str) -> str:
    """An Error Comment (0000,0902): one line of at most 64 characters (VR LO)."""
    return " ".join(comment.replace("\\", "/").split())[:_COMMENT_LENGTH]
