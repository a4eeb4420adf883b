"""Reads A-ASSOCIATE-RQ and A-ASSOCIATE-AC (PS3.8 9.3.2 and 9.3.3, PS3.7 Annex D.3).

What a stranger sends is read by hand, with every length checked, and not by pynetdicom's classes:
those log the stranger's bytes, warn about odd UIDs and know no unknown items. They write our own
PDUs, and are the oracle of the tests. A cache keeps what was proposed lately: a modality proposes
the same contexts day after day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct

from pacs_framework.network.associate import (
    FIXED_PART,
    PROTOCOL_VERSION,
    AssociateAnswer,
    AssociateRequest,
    CommonExtendedNegotiation,
    Proposal,
    ResultItem,
)
from pacs_framework.network.decisions import ProposedContext, UserIdentity
from pacs_framework.network.errors import ProtocolError

__all__ = ["decode_accept", "decode_request", "speaks_our_version"]

_FIXED = Struct(">H2x16s16s32x")
_ITEM = Struct(">BxH")
_SHORT = Struct(">H")
_TITLES = slice(4, 36)
_DEFAULT_MAX_PDU = 16384
_CACHED_ITEMS = 64
_LARGEST_CACHED = 1 << 16
_LONGEST_UID = 64
_LONGEST_NAME = 16

# Item types (PS3.8 9.3.2 and 9.3.3, PS3.7 D.3.3).
_APPLICATION_CONTEXT = 0x10
_CONTEXT_RQ, _CONTEXT_AC = 0x20, 0x21
_ABSTRACT_SYNTAX, _TRANSFER_SYNTAX = 0x30, 0x40
_USER_INFORMATION = 0x50
_MAXIMUM_LENGTH, _IMPLEMENTATION_CLASS, _WINDOW, _ROLE = 0x51, 0x52, 0x53, 0x54
_IMPLEMENTATION_VERSION, _EXTENDED, _COMMON_EXTENDED = 0x55, 0x56, 0x57
_IDENTITY_RQ, _IDENTITY_AC = 0x58, 0x59


# --- pieces ---------------------------------------------------------------------------------


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each item; a length beyond the end is an error."""
    position, end = 0, len(data)
    while position < end:
        if end - position < _ITEM.size:
            raise ProtocolError(f"an item header of A-ASSOCIATE is cut short at byte {position}")
        kind, length = _ITEM.unpack_from(data, position)
        position += _ITEM.size
        if position + length > end:
            raise ProtocolError(f"item {kind:#04x} of A-ASSOCIATE is longer than what holds it")
        yield kind, data[position : position + length]
        position += length


def _printable(raw: bytes) -> str:
    """Text of a peer, without padding, fit for a log: other characters than ASCII become ``?``."""
    text = raw.decode("latin-1").strip(" \0")
    return text if text.isascii() and text.isprintable() else _replaced(text)


def _replaced(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def _uid(raw: bytes) -> str:
    """A UID; one with odd characters matches nothing we know, but one without end is an error."""
    if len(raw) > _LONGEST_UID + 1:
        raise ProtocolError(f"a UID of {len(raw)} bytes in A-ASSOCIATE")
    return _printable(raw)


def _fixed(content: bytes, size: int) -> bytes:
    if len(content) < size:
        raise ProtocolError(f"an item of A-ASSOCIATE has {len(content)} bytes instead of {size}")
    return content[:size]


def _counted(content: bytes, position: int = 0) -> tuple[bytes, int]:
    """A field with its length in front of it, and where the next one begins."""
    if position + 2 > len(content):
        raise ProtocolError("a field length of A-ASSOCIATE is cut short")
    start = position + 2
    stop = start + int(_SHORT.unpack_from(content, position)[0])
    if stop > len(content):
        raise ProtocolError("a field of A-ASSOCIATE is longer than its item")
    return content[start:stop], stop


# --- user information (PS3.7 D.3.3) ---------------------------------------------------------


@dataclass(slots=True)
class _UserInformation:
    max_pdu: int = _DEFAULT_MAX_PDU
    implementation_class: str = ""
    implementation_version: str = ""
    window: tuple[int, int] | None = None
    identity_response: bytes | None = None
    roles: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    extended: dict[str, bytes] = field(default_factory=dict)
    common: dict[str, CommonExtendedNegotiation] = field(default_factory=dict)


def _read_role(content: bytes, information: _UserInformation) -> None:
    uid, position = _counted(content)
    scu, scp = _fixed(content[position:], 2)
    information.roles[_uid(uid)] = (bool(scu), bool(scp))


def _read_extended(content: bytes, information: _UserInformation) -> None:
    uid, position = _counted(content)
    information.extended[_uid(uid)] = content[position:]


def _read_common(content: bytes, information: _UserInformation) -> None:
    uid, position = _counted(content)
    service, position = _counted(content, position)
    related, _ = _counted(content, position)
    general, position = [], 0
    while position < len(related):
        raw, position = _counted(related, position)
        general.append(_uid(raw))
    information.common[_uid(uid)] = CommonExtendedNegotiation(
        service_class_uid=_uid(service), related_general_sop_classes=tuple(general)
    )


def _read_user_information(data: bytes) -> _UserInformation:
    information = _UserInformation()
    for kind, content in _items(data):
        if kind == _MAXIMUM_LENGTH:
            information.max_pdu = int.from_bytes(_fixed(content, 4), "big")
        elif kind == _IMPLEMENTATION_CLASS:
            information.implementation_class = _uid(content)
        elif kind == _IMPLEMENTATION_VERSION:
            information.implementation_version = _printable(content)[:_LONGEST_NAME]
        elif kind == _WINDOW:
            invoked, performed = _fixed(content, 4)[:2], content[2:4]
            information.window = int.from_bytes(invoked, "big"), int.from_bytes(performed, "big")
        elif kind == _ROLE:
            _read_role(content, information)
        elif kind == _EXTENDED:
            _read_extended(content, information)
        elif kind == _COMMON_EXTENDED:
            _read_common(content, information)
        elif kind == _IDENTITY_AC:
            information.identity_response = _counted(content)[0]
        # Other types are skipped (PS3.8 9.3.1).
    return information


# --- A-ASSOCIATE-RQ -------------------------------------------------------------------------


def _proposed_context(content: bytes, roles: Mapping[str, tuple[bool, bool]]) -> ProposedContext:
    context_id = _fixed(content, 4)[0]
    abstract_syntax, transfer_syntaxes = "", []
    for kind, value in _items(content[4:]):
        if kind == _ABSTRACT_SYNTAX:
            abstract_syntax = _uid(value)
        elif kind == _TRANSFER_SYNTAX and value:
            transfer_syntaxes.append(_uid(value))
    if not abstract_syntax:
        raise ProtocolError(f"presentation context {context_id} has no abstract syntax")
    scu, scp = roles.get(abstract_syntax, (True, False))
    return ProposedContext(
        context_id=context_id,
        abstract_syntax=abstract_syntax,
        transfer_syntaxes=tuple(transfer_syntaxes),
        scu=scu,
        scp=scp,
    )


def _distinct(contexts: Iterator[ProposedContext]) -> tuple[ProposedContext, ...]:
    by_id: dict[int, ProposedContext] = {}
    for context in contexts:
        if context.context_id % 2 == 0 or context.context_id in by_id:
            raise ProtocolError(
                f"presentation context id {context.context_id} is even or used twice"
            )
        by_id[context.context_id] = context
    return tuple(by_id.values())


def _decode_proposal(encoded: bytes) -> Proposal:
    items = list(_items(encoded))
    found = dict(items)
    if _USER_INFORMATION not in found:
        raise ProtocolError("ASSOCIATE_RQ has no user information item")
    information = _read_user_information(found[_USER_INFORMATION])
    return Proposal(
        encoded=encoded,
        application_context=_uid(found.get(_APPLICATION_CONTEXT, b"")),
        contexts=_distinct(
            _proposed_context(content, information.roles)
            for kind, content in items
            if kind == _CONTEXT_RQ
        ),
        roles=information.roles,
        extended=information.extended,
        common_extended=information.common,
        asynchronous_operations=information.window,
        max_pdu=information.max_pdu,
        implementation=(information.implementation_class, information.implementation_version),
    )


_cached_proposal = lru_cache(maxsize=_CACHED_ITEMS)(_decode_proposal)


def _reframed(kind: int, content: bytes) -> bytes:
    return _ITEM.pack(kind, len(content)) + content


def _apart(items: bytes) -> tuple[bytes, bytes | None]:
    """The items without the user identity, and that: it holds secrets, so it is never cached."""
    if _IDENTITY_RQ not in items:
        return items, None
    identity: bytes | None = None
    kept = []
    for kind, content in _items(items):
        rest = content
        if kind == _USER_INFORMATION:
            data = list(_items(content))
            identity = dict(data).get(_IDENTITY_RQ, identity)
            rest = b"".join(_reframed(*item) for item in data if item[0] != _IDENTITY_RQ)
        kept.append(_reframed(kind, rest))
    return b"".join(kept), identity


def _identity(content: bytes) -> UserIdentity:
    kind, response_requested = _fixed(content, 2)
    primary, position = _counted(content, 2)
    secondary, _ = _counted(content, position)
    return UserIdentity(
        kind=kind,
        primary=primary,
        secondary=secondary,
        response_requested=bool(response_requested),
    )


def speaks_our_version(body: bytes) -> bool:
    """Whether bit 0 of the protocol version is set, the only one defined (PS3.8 Table 9-11)."""
    return len(body) >= 2 and bool(int.from_bytes(body[:2], "big") & PROTOCOL_VERSION)


def _title(raw: bytes) -> str:
    return raw.decode("latin-1").strip(" \0")


def decode_request(body: bytes) -> AssociateRequest:
    """Read A-ASSOCIATE-RQ from the bytes behind its PDU header (PS3.8 Table 9-11).

    Raises ProtocolError when a length, a UID or a context id cannot be.
    """
    if len(body) < FIXED_PART:
        raise ProtocolError(f"A-ASSOCIATE-RQ of {len(body)} bytes is shorter than {FIXED_PART}")
    _, called, calling = _FIXED.unpack_from(body)
    items, identity = _apart(body[FIXED_PART:])
    decode = _cached_proposal if len(items) <= _LARGEST_CACHED else _decode_proposal
    return AssociateRequest(
        called_aet=_title(called),
        calling_aet=_title(calling),
        titles=body[_TITLES],
        proposal=decode(items),
        user_identity=None if identity is None else _identity(identity),
    )


# --- A-ASSOCIATE-AC -------------------------------------------------------------------------


def _result(content: bytes) -> ResultItem:
    context_id, _, result, _ = _fixed(content, 4)
    # The transfer syntax of a rejected context is not significant (PS3.8 Table 9-18).
    syntaxes = dict(_items(content[4:])) if result == 0 else {}
    return ResultItem(
        context_id=context_id,
        result=result,
        transfer_syntax=_uid(syntaxes.get(_TRANSFER_SYNTAX, b"")),
    )


def decode_accept(body: bytes) -> AssociateAnswer:
    """Read A-ASSOCIATE-AC from the bytes behind its PDU header (PS3.8 Table 9-17).

    Raises ProtocolError as `decode_request` does.
    """
    if len(body) < FIXED_PART:
        raise ProtocolError(f"A-ASSOCIATE-AC of {len(body)} bytes is shorter than {FIXED_PART}")
    items = list(_items(body[FIXED_PART:]))
    found = dict(items)
    if _USER_INFORMATION not in found:
        raise ProtocolError("ASSOCIATE_AC has no user information item")
    information = _read_user_information(found[_USER_INFORMATION])
    return AssociateAnswer(
        results=tuple(_result(content) for kind, content in items if kind == _CONTEXT_AC),
        max_pdu=information.max_pdu,
        roles=information.roles,
        extended=information.extended,
        asynchronous_operations=information.window,
        user_identity_response=information.identity_response,
        implementation=(information.implementation_class, information.implementation_version),
    )
