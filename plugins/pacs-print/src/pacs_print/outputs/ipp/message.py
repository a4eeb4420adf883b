"""Messages of IPP as they are on the wire (RFC 8010 section 3): written and read."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = [
    "Group",
    "IppError",
    "Keyword",
    "MimeType",
    "Name",
    "Operation",
    "Reply",
    "Uri",
    "request",
]

VERSION = b"\x01\x01"  # 1.1: what every printer and CUPS understand


class IppError(Exception):
    """An answer that is none."""


class Operation(IntEnum):
    """The operations that are asked for (RFC 8011 section 5.4.15)."""

    CREATE_JOB = 0x0005
    SEND_DOCUMENT = 0x0006
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_PRINTER_ATTRIBUTES = 0x000B


class Group(IntEnum):
    """Delimiters of groups of attributes (RFC 8010 section 3.5.1)."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    UNSUPPORTED = 0x05


class _Tag(IntEnum):
    """What a value is (RFC 8010 section 3.5.2)."""

    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    BEGIN_COLLECTION = 0x34
    END_COLLECTION = 0x37
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME_TYPE = 0x49
    MEMBER = 0x4A


class Keyword(str):
    """A ``keyword``."""

    __slots__ = ()


class Name(str):
    """A ``nameWithoutLanguage``."""

    __slots__ = ()


class Uri(str):
    """A ``uri``."""

    __slots__ = ()


class MimeType(str):
    """A ``mimeMediaType``."""

    __slots__ = ()


_TEXTS: dict[type[str], _Tag] = {
    Keyword: _Tag.KEYWORD,
    Name: _Tag.NAME,
    Uri: _Tag.URI,
    MimeType: _Tag.MIME_TYPE,
}

Value = bool | int | str | Mapping[str, "Value"]

_TEXT_TAGS = frozenset(range(0x40, 0x4A))


def request(
    operation: Operation,
    number: int,
    operation_attributes: Mapping[str, Value],
    job_attributes: Mapping[str, Value] | None = None,
) -> bytes:
    """A request up to where its document begins."""
    parts = [
        VERSION,
        struct.pack(">HIB", operation, number, Group.OPERATION),
        _encoded(_Tag.CHARSET, "attributes-charset", b"utf-8"),
        _encoded(_Tag.LANGUAGE, "attributes-natural-language", b"en"),
        *(_attribute(name, value) for name, value in operation_attributes.items()),
    ]
    if job_attributes:
        parts.append(bytes([Group.JOB]))
        parts.extend(_attribute(name, value) for name, value in job_attributes.items())
    return b"".join((*parts, bytes([Group.END])))


def _encoded(tag: int, name: str, value: bytes) -> bytes:
    key = name.encode("ascii")
    return struct.pack(f">BH{len(key)}sH", tag, len(key), key, len(value)) + value


def _attribute(name: str, value: Value) -> bytes:
    match value:
        case bool():
            return _encoded(_Tag.BOOLEAN, name, bytes([value]))
        case int():
            return _encoded(_Tag.INTEGER, name, struct.pack(">i", value))
        case str():
            return _encoded(_TEXTS[type(value)], name, value.encode())
    members = (
        _encoded(_Tag.MEMBER, "", key.encode("ascii")) + _attribute("", member)
        for key, member in value.items()
    )
    begin, end = _encoded(_Tag.BEGIN_COLLECTION, name, b""), _encoded(_Tag.END_COLLECTION, "", b"")
    return b"".join((begin, *members, end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. Values of attributes are integers, booleans and texts; others are left out."""

    status: int
    attributes: Mapping[str, Sequence[int | bool | str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Done, if not in every detail (RFC 8011 section 4.1.6.1)."""
        return self.status < 0x0100

    def integer(self, name: str, default: int = 0) -> int:
        """The first value of an attribute."""
        return next((v for v in self.attributes.get(name, ()) if isinstance(v, int)), default)

    def texts(self, name: str) -> list[str]:
        """The values of an attribute."""
        return [value for value in self.attributes.get(name, ()) if isinstance(value, str)]

    @classmethod
    def read(cls, data: bytes) -> Reply:
        """What an answer says. Raises `IppError`."""
        found: dict[str, list[int | bool | str]] = {}
        try:
            status = struct.unpack_from(">H", data, 2)[0]
            for name, value in _values(data):
                found.setdefault(name, []).append(value)
        except (struct.error, UnicodeDecodeError, IndexError) as error:
            raise IppError(f"an answer of {len(data)} bytes is not that of a printer") from error
        return cls(status=status, attributes=found)


def _values(data: bytes) -> Iterator[tuple[str, int | bool | str]]:
    """Names and values outside of collections; a value without a name is one more of the last."""
    position, name, depth = 8, "", 0
    while (tag := data[position]) != Group.END:
        position += 1
        if tag < 0x10:  # a group begins
            continue
        key, position = _field(data, position)
        raw, position = _field(data, position)
        depth += (tag == _Tag.BEGIN_COLLECTION) - (tag == _Tag.END_COLLECTION)
        name = key.decode("ascii") or name
        value = _value(tag, raw)
        if depth == 0 and value is not None:
            yield name, value


def _field(data: bytes, position: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from(">H", data, position)
    end = position + 2 + length
    if end > len(data):
        raise IndexError
    return data[position + 2 : end], end


def _value(tag: int, raw: bytes) -> int | bool | str | None:
    if tag in (_Tag.INTEGER, _Tag.ENUM):
        return int(struct.unpack(">i", raw)[0])
    if tag == _Tag.BOOLEAN:
        return raw != b"\0"
    return raw.decode() if tag in _TEXT_TAGS else None
