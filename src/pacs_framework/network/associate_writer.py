"""Writes A-ASSOCIATE-RQ and A-ASSOCIATE-AC with pynetdicom's items (PS3.8 9.3.2 and 9.3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

from pynetdicom.pdu_items import (
    ApplicationContextItem,
    AsynchronousOperationsWindowSubItem,
    ImplementationClassUIDSubItem,
    ImplementationVersionNameSubItem,
    MaximumLengthSubItem,
    PresentationContextItemAC,
    SCP_SCU_RoleSelectionSubItem,
    SOPClassExtendedNegotiationSubItem,
    TransferSyntaxSubItem,
    UserIdentitySubItemAC,
    UserIdentitySubItemRQ,
    UserInformationItem,
)

from pacs_framework.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs_framework.network.associate import (
    APPLICATION_CONTEXT,
    PROTOCOL_VERSION,
    AssociateAnswer,
    ResultItem,
)
from pacs_framework.network.decisions import ProposedContext, UserIdentity
from pacs_framework.network.pdu import PDU_HEADER, PduType

__all__ = ["encode_accept", "encode_items", "encode_request"]

_FIXED = Struct(">H2x16s16s32x")
_ITEM = Struct(">BxH")
_PRESENTATION_CONTEXT_RQ = 0x20
_ABSTRACT_SYNTAX = 0x30


def _item(kind: int, body: bytes) -> bytes:
    return _ITEM.pack(kind, len(body)) + body


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
    fixed = _FIXED.pack(PROTOCOL_VERSION, titles[:16], titles[16:])
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
    abstract = _item(_ABSTRACT_SYNTAX, context.abstract_syntax.encode("ascii"))
    head = bytes((context.context_id, 0, 0, 0))
    return _item(_PRESENTATION_CONTEXT_RQ, head + abstract + syntaxes)


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
        PROTOCOL_VERSION,
        called_aet.encode("ascii").ljust(16),
        calling_aet.encode("ascii").ljust(16),
    )
    proposals = b"".join(map(_context_proposal, contexts))
    body = fixed + _application_context().encode() + proposals + information.encode()
    return PDU_HEADER.pack(PduType.ASSOCIATE_RQ, len(body)) + body
