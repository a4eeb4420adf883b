"""A-ASSOCIATE-RQ and A-ASSOCIATE-AC as records (PS3.8 9.3.2 and 9.3.3, PS3.7 Annex D.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pacs_framework.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs_framework.network.decisions import ProposedContext, UserIdentity

__all__ = [
    "APPLICATION_CONTEXT",
    "FIXED_PART",
    "PROTOCOL_VERSION",
    "AssociateAnswer",
    "AssociateRequest",
    "CommonExtendedNegotiation",
    "Proposal",
    "ResultItem",
]

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
"""DICOM Application Context Name, the only one there is (PS3.7 A.2.1)."""

FIXED_PART = 68
"""Bytes between the PDU header and the first item: version, AE titles, reserved."""

PROTOCOL_VERSION = 1
"""Bit 0 of the protocol version, the only one defined (PS3.8 Table 9-11)."""


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
