"""Reads A-ASSOCIATE-RQ and A-ASSOCIATE-AC (PS3.8 9.3.2 and 9.3.3, PS3.7 Annex D.3).

pynetdicom's PDU classes decode the items. In front of them stands a walk over the item lengths,
which skips items of unknown type (PS3.8 9.3.1), and a cache: a modality proposes the same contexts
day after day.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from struct import Struct
from typing import Any

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_items import (
    PresentationContextItemRQ,
    UserIdentitySubItemAC,
    UserIdentitySubItemRQ,
    UserInformationItem,
)

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
from pacs_framework.network.pdu import PDU_HEADER, PduType

__all__ = ["decode_accept", "decode_request", "speaks_our_version"]

_FIXED = Struct(">H2x16s16s32x")
_ITEM = Struct(">BxH")
_TITLES = slice(4, 36)
_DEFAULT_MAX_PDU = 16384
_CACHED_ITEMS = 64
_LARGEST_CACHED = 1 << 16

# Item types (PS3.8 9.3.2 and 9.3.3, PS3.7 D.3).
_PRESENTATION_CONTEXTS = frozenset((0x20, 0x21))
_SYNTAXES = frozenset((0x30, 0x40))
_USER_INFORMATION = 0x50
_USER_IDENTITY = frozenset((0x58, 0x59))
_USER_DATA = frozenset(range(0x51, 0x5A))
_ITEMS = frozenset((0x10, _USER_INFORMATION)) | _PRESENTATION_CONTEXTS

# What pynetdicom's decoders raise on bytes that are not what they should be.
_MALFORMED = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError, struct.error)


def _items(data: bytes, known: frozenset[int]) -> Iterator[tuple[int, bytes]]:
    """The items of known type, each with its header; a length beyond the end is an error."""
    position, end = 0, len(data)
    while position < end:
        if end - position < _ITEM.size:
            raise ProtocolError(f"an item header of A-ASSOCIATE is cut short at byte {position}")
        kind, length = _ITEM.unpack_from(data, position)
        stop = position + _ITEM.size + length
        if stop > end:
            raise ProtocolError(f"item {kind:#04x} of A-ASSOCIATE is longer than what holds it")
        if kind in known:
            yield kind, data[position:stop]
        position = stop


def _reframed(kind: int, body: bytes) -> bytes:
    return _ITEM.pack(kind, len(body)) + body


def _sorted_out(items: bytes) -> tuple[bytes, bytes | None]:
    """The known items, and the user identity sub-item apart (it holds secrets: never cached)."""
    kept: list[bytes] = []
    identity: bytes | None = None
    for kind, item in _items(items, _ITEMS):
        if kind == _USER_INFORMATION:
            data: list[bytes] = []
            for sub_kind, sub_item in _items(item[_ITEM.size :], _USER_DATA):
                if sub_kind in _USER_IDENTITY:
                    identity = sub_item
                else:
                    data.append(sub_item)
            kept.append(_reframed(kind, b"".join(data)))
        elif kind in _PRESENTATION_CONTEXTS:
            syntaxes = _items(item[_ITEM.size + 4 :], _SYNTAXES)
            body = item[_ITEM.size : _ITEM.size + 4] + b"".join(syntax for _, syntax in syntaxes)
            kept.append(_reframed(kind, body))
        else:
            kept.append(item)
    return b"".join(kept), identity


def _decode_pdu(pdu: Any, kind: PduType, items: bytes) -> UserInformationItem:
    """Fill a pynetdicom PDU with ``items``; its fixed part is ours, so that only items can fail."""
    fixed = _FIXED.pack(PROTOCOL_VERSION, b"CALLED".ljust(16), b"CALLING".ljust(16))
    try:
        pdu.decode(PDU_HEADER.pack(kind, len(fixed) + len(items)) + fixed + items)
    except _MALFORMED as error:
        raise ProtocolError(f"{kind.name} cannot be decoded: {type(error).__name__}") from error
    if pdu.user_information is None:
        raise ProtocolError(f"{kind.name} has no user information item")
    information: UserInformationItem = pdu.user_information
    return information


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _roles(information: UserInformationItem) -> dict[str, tuple[bool, bool]]:
    return {
        _text(uid): (bool(item.scu_role), bool(item.scp_role))
        for uid, item in information.role_selection.items()
    }


def _extended(information: UserInformationItem) -> dict[str, bytes]:
    return {_text(item.uid): bytes(item.app_info or b"") for item in information.ext_neg}


def _common(information: UserInformationItem) -> dict[str, CommonExtendedNegotiation]:
    return {
        _text(item.sop_class_uid): CommonExtendedNegotiation(
            service_class_uid=_text(item.service_class_uid),
            related_general_sop_classes=tuple(
                map(_text, item.related_general_sop_class_identification)
            ),
        )
        for item in information.common_ext_neg
    }


def _max_pdu(information: UserInformationItem) -> int:
    length = information.maximum_length
    return _DEFAULT_MAX_PDU if length is None else length


def _implementation(information: UserInformationItem) -> tuple[str, str]:
    return (
        _text(information.implementation_class_uid),
        _text(information.implementation_version_name),
    )


def _window(information: UserInformationItem) -> tuple[int, int] | None:
    window = information.async_ops_window
    if window is None:
        return None
    return window.max_operations_invoked or 0, window.max_operations_performed or 0


def _proposed(
    items: list[PresentationContextItemRQ], roles: Mapping[str, tuple[bool, bool]]
) -> tuple[ProposedContext, ...]:
    contexts: dict[int, ProposedContext] = {}
    for item in items:
        context_id, abstract_syntax = item.context_id or 0, _text(item.abstract_syntax)
        if context_id % 2 == 0 or context_id in contexts:
            raise ProtocolError(f"presentation context id {context_id} is even or used twice")
        if not abstract_syntax:
            raise ProtocolError(f"presentation context {context_id} has no abstract syntax")
        scu, scp = roles.get(abstract_syntax, (True, False))
        contexts[context_id] = ProposedContext(
            context_id=context_id,
            abstract_syntax=abstract_syntax,
            transfer_syntaxes=tuple(_text(uid) for uid in item.transfer_syntax if uid),
            scu=scu,
            scp=scp,
        )
    return tuple(contexts.values())


def _decode_proposal(items: bytes) -> Proposal:
    pdu = A_ASSOCIATE_RQ()
    information = _decode_pdu(pdu, PduType.ASSOCIATE_RQ, items)
    roles = _roles(information)
    return Proposal(
        encoded=items,
        application_context=_text(pdu.application_context_name),
        contexts=_proposed(pdu.presentation_context, roles),
        roles=roles,
        extended=_extended(information),
        common_extended=_common(information),
        asynchronous_operations=_window(information),
        max_pdu=_max_pdu(information),
        implementation=_implementation(information),
    )


_cached_proposal = lru_cache(maxsize=_CACHED_ITEMS)(_decode_proposal)


def _decode_identity(item: bytes) -> UserIdentity:
    decoded = UserIdentitySubItemRQ()
    try:
        decoded.decode(item)
    except _MALFORMED:
        # The cause is left out on purpose: its traceback shows the secret.
        raise ProtocolError("the user identity item cannot be decoded") from None
    return UserIdentity(
        kind=decoded.id_type or 0,
        primary=bytes(decoded.primary or b""),
        secondary=bytes(decoded.secondary or b""),
        response_requested=bool(decoded.response_requested),
    )


def _title(raw: bytes) -> str:
    return raw.decode("latin-1").strip(" \0")


def speaks_our_version(body: bytes) -> bool:
    """Whether bit 0 of the protocol version is set, the only one defined (PS3.8 Table 9-11)."""
    return len(body) >= 2 and bool(int.from_bytes(body[:2], "big") & PROTOCOL_VERSION)


def decode_request(body: bytes) -> AssociateRequest:
    """Read A-ASSOCIATE-RQ from the bytes behind its PDU header (PS3.8 Table 9-11).

    Raises ProtocolError when a length, a UID or a context id cannot be.
    """
    if len(body) < FIXED_PART:
        raise ProtocolError(f"A-ASSOCIATE-RQ of {len(body)} bytes is shorter than {FIXED_PART}")
    _, called, calling = _FIXED.unpack_from(body)
    items, identity = _sorted_out(body[FIXED_PART:])
    decode = _cached_proposal if len(items) <= _LARGEST_CACHED else _decode_proposal
    return AssociateRequest(
        called_aet=_title(called),
        calling_aet=_title(calling),
        titles=body[_TITLES],
        proposal=decode(items),
        user_identity=None if identity is None else _decode_identity(identity),
    )


def _identity_response(item: bytes | None) -> bytes | None:
    if item is None:
        return None
    decoded = UserIdentitySubItemAC()
    try:
        decoded.decode(item)
    except _MALFORMED as error:
        raise ProtocolError("the user identity response cannot be decoded") from error
    return bytes(decoded.response or b"")


def decode_accept(body: bytes) -> AssociateAnswer:
    """Read A-ASSOCIATE-AC from the bytes behind its PDU header (PS3.8 Table 9-17)."""
    if len(body) < FIXED_PART:
        raise ProtocolError(f"A-ASSOCIATE-AC of {len(body)} bytes is shorter than {FIXED_PART}")
    items, identity = _sorted_out(body[FIXED_PART:])
    pdu = A_ASSOCIATE_AC()
    information = _decode_pdu(pdu, PduType.ASSOCIATE_AC, items)
    return AssociateAnswer(
        results=tuple(
            ResultItem(
                context_id=item.context_id or 0,
                result=0xFF if item.result is None else item.result,
                transfer_syntax=_text(item.transfer_syntax),
            )
            for item in pdu.presentation_context
        ),
        max_pdu=_max_pdu(information),
        roles=_roles(information),
        extended=_extended(information),
        asynchronous_operations=_window(information),
        user_identity_response=_identity_response(identity),
        implementation=_implementation(information),
    )
