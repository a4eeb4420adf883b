"""A-ASSOCIATE-RQ and A-ASSOCIATE-AC as records (PS3.8 9.3.2 and 9.3.3, PS3.7 Annex D.3).

pynetdicom's PDU classes read and write the items. In front of them stands a walk over the item
lengths, which skips items of unknown type (PS3.8 9.3.1), and a cache: a modality proposes the same
contexts day after day.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Any

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_items import (
    ApplicationContextItem,
    AsynchronousOperationsWindowSubItem,
    ImplementationClassUIDSubItem,
    ImplementationVersionNameSubItem,
    MaximumLengthSubItem,
    PresentationContextItemAC,
    PresentationContextItemRQ,
    SCP_SCU_RoleSelectionSubItem,
    SOPClassExtendedNegotiationSubItem,
    TransferSyntaxSubItem,
    UserIdentitySubItemAC,
    UserIdentitySubItemRQ,
    UserInformationItem,
)

from pacs_framework.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs_framework.network.decisions import ProposedContext, UserIdentity
from pacs_framework.network.errors import ProtocolError
from pacs_framework.network.pdu import PDU_HEADER, PduType

__all__ = [
    "APPLICATION_CONTEXT",
    "FIXED_PART",
    "AssociateAnswer",
    "AssociateRequest",
    "CommonExtendedNegotiation",
    "Proposal",
    "ResultItem",
    "decode_accept",
    "decode_request",
    "encode_accept",
    "encode_items",
    "encode_request",
    "speaks_our_version",
]

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
"""DICOM Application Context Name, the only one there is (PS3.7 A.2.1)."""

FIXED_PART = 68
"""Bytes between the PDU header and the first item: version, AE titles, reserved."""

_PROTOCOL_VERSION = 1
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonExtendedNegotiation:
    """SOP Class Common Extended Negotiation of one SOP class (PS3.7 D.3.3.6)."""

    service_class_uid: str
    related_general_sop_classes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The items of A-ASSOCIATE-RQ without the user identity; equal when the bytes are equal."""

    encoded: bytes = field(repr=False)
    application_context: str = field(compare=False)
    contexts: tuple[ProposedContext, ...] = field(compare=False)
    roles: Mapping[str, tuple[bool, bool]] = field(compare=False)
    extended: Mapping[str, bytes] = field(compare=False)
    common_extended: Mapping[str, CommonExtendedNegotiation] = field(compare=False)
    asynchronous_operations: tuple[int, int] | None = field(compare=False)
    max_pdu: int = field(compare=False)
    implementation: tuple[str, str] = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRequest:
    """A-ASSOCIATE-RQ. ``titles`` holds the AE title fields as sent, for the answer."""

    called_aet: str
    calling_aet: str
    titles: bytes = field(repr=False)
    proposal: Proposal
    user_identity: UserIdentity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultItem:
    """The answer to one presentation context (PS3.8 Table 9-18); ``result`` 0 is acceptance."""

    context_id: int
    result: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateAnswer:
    """The items of A-ASSOCIATE-AC. Roles are those of the requestor: (SCU, SCP)."""

    results: tuple[ResultItem, ...]
    max_pdu: int
    roles: Mapping[str, tuple[bool, bool]]
    extended: Mapping[str, bytes]
    asynchronous_operations: tuple[int, int] | None = None
    user_identity_response: bytes | None = None
    implementation: tuple[str, str] = (IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME)


# --- reading --------------------------------------------------------------------------------


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
    fixed = _FIXED.pack(_PROTOCOL_VERSION, b"CALLED".ljust(16), b"CALLING".ljust(16))
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
    return len(body) >= 2 and bool(int.from_bytes(body[:2], "big") & _PROTOCOL_VERSION)


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


# --- writing --------------------------------------------------------------------------------


def _application_context() -> ApplicationContextItem:
    item = ApplicationContextItem()
    item.application_context_name = APPLICATION_CONTEXT
    return item


def _transfer_syntax(uid: str) -> TransferSyntaxSubItem:
    item = TransferSyntaxSubItem()
    item.transfer_syntax_name = uid
    return item


def _context_result(result: ResultItem) -> PresentationContextItemAC:
    item = PresentationContextItemAC()
    item.presentation_context_id = result.context_id
    item.result_reason = result.result
    item.transfer_syntax_sub_item = [_transfer_syntax(result.transfer_syntax)]
    return item


def _user_information(
    max_pdu: int,
    roles: Mapping[str, tuple[bool, bool]],
    extended: Mapping[str, bytes],
    implementation: tuple[str, str],
) -> UserInformationItem:
    length, uid, version = (
        MaximumLengthSubItem(),
        ImplementationClassUIDSubItem(),
        ImplementationVersionNameSubItem(),
    )
    length.maximum_length_received = max_pdu
    uid.implementation_class_uid, version.implementation_version_name = implementation
    information = UserInformationItem()
    information.user_data = [length, uid, version]
    for sop_class, (scu, scp) in roles.items():
        role = SCP_SCU_RoleSelectionSubItem()
        role.sop_class_uid, role.scu_role, role.scp_role = sop_class, int(scu), int(scp)
        information.user_data.append(role)
    for sop_class, value in extended.items():
        negotiation = SOPClassExtendedNegotiationSubItem()
        negotiation.sop_class_uid = sop_class
        negotiation.service_class_application_information = value
        information.user_data.append(negotiation)
    return information


def encode_items(answer: AssociateAnswer) -> bytes:
    """The items of A-ASSOCIATE-AC, ready for `encode_accept` (PS3.8 9.3.3)."""
    information = _user_information(
        answer.max_pdu, answer.roles, answer.extended, answer.implementation
    )
    if answer.asynchronous_operations is not None:
        window = AsynchronousOperationsWindowSubItem()
        (
            window.maximum_number_operations_invoked,
            window.maximum_number_operations_performed,
        ) = answer.asynchronous_operations
        information.user_data.append(window)
    if answer.user_identity_response is not None:
        identity = UserIdentitySubItemAC()
        identity.server_response = answer.user_identity_response
        information.user_data.append(identity)
    contexts = b"".join(_context_result(result).encode() for result in answer.results)
    return _application_context().encode() + contexts + information.encode()


def encode_accept(items: bytes, titles: bytes) -> bytes:
    """A-ASSOCIATE-AC of encoded items; ``titles`` are those of the request (PS3.8 Table 9-17)."""
    fixed = _FIXED.pack(_PROTOCOL_VERSION, titles[:16], titles[16:])
    return PDU_HEADER.pack(PduType.ASSOCIATE_AC, len(fixed) + len(items)) + fixed + items


def _role_proposals(contexts: tuple[ProposedContext, ...]) -> dict[str, tuple[bool, bool]]:
    """Role selection items: only for SOP classes with another role than SCU (PS3.7 D.3.3.4)."""
    roles: dict[str, tuple[bool, bool]] = {}
    for context in contexts:
        scu, scp = roles.get(context.abstract_syntax, (False, False))
        roles[context.abstract_syntax] = (scu or context.scu, scp or context.scp)
    return {uid: role for uid, role in roles.items() if role != (True, False)}


def _identity_item(identity: UserIdentity) -> UserIdentitySubItemRQ:
    item = UserIdentitySubItemRQ()
    item.user_identity_type = identity.kind
    item.positive_response_requested = int(identity.response_requested)
    item.primary_field, item.secondary_field = identity.primary, identity.secondary
    return item


def _context_proposal(context: ProposedContext) -> bytes:
    syntaxes = b"".join(_transfer_syntax(uid).encode() for uid in context.transfer_syntaxes)
    abstract = _reframed(0x30, context.abstract_syntax.encode("ascii"))
    head = bytes((context.context_id, 0, 0, 0))
    return _reframed(0x20, head + abstract + syntaxes)


def encode_request(
    *,
    calling_aet: str,
    called_aet: str,
    contexts: tuple[ProposedContext, ...],
    max_pdu: int,
    extended: Mapping[str, bytes],
    user_identity: UserIdentity | None,
) -> bytes:
    """A-ASSOCIATE-RQ (PS3.8 Table 9-11), with our implementation's name."""
    information = _user_information(
        max_pdu,
        _role_proposals(contexts),
        extended,
        (IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME),
    )
    if user_identity is not None:
        information.user_data.append(_identity_item(user_identity))
    fixed = _FIXED.pack(
        _PROTOCOL_VERSION,
        called_aet.encode("ascii").ljust(16),
        calling_aet.encode("ascii").ljust(16),
    )
    proposals = b"".join(map(_context_proposal, contexts))
    body = fixed + _application_context().encode() + proposals + information.encode()
    return PDU_HEADER.pack(PduType.ASSOCIATE_RQ, len(body)) + body
