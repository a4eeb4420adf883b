"""What ``on_association`` gets to see and may answer (PS3.8 section 9.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "AssociationRequest",
    "Narrowing",
    "ProposedContext",
    "RejectReason",
    "RejectResult",
    "RejectSource",
    "Rejection",
    "UserIdentity",
]


class RejectResult(IntEnum):
    """Result of A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""

    PERMANENT = 1
    TRANSIENT = 2


class RejectSource(IntEnum):
    """Source of A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""

    SERVICE_USER = 1
    SERVICE_PROVIDER_ACSE = 2
    SERVICE_PROVIDER_PRESENTATION = 3


class RejectReason(IntEnum):
    """Reason of A-ASSOCIATE-RJ; a number means what its source says (PS3.8 Table 9-21).

    Each value is ``source << 8 | reason``, so that names stay unique; `code` is the byte sent.
    """

    NO_REASON_GIVEN = 0x101
    APPLICATION_CONTEXT_NAME_NOT_SUPPORTED = 0x102
    CALLING_AE_TITLE_NOT_RECOGNIZED = 0x103
    CALLED_AE_TITLE_NOT_RECOGNIZED = 0x107
    ACSE_NO_REASON_GIVEN = 0x201
    PROTOCOL_VERSION_NOT_SUPPORTED = 0x202
    TEMPORARY_CONGESTION = 0x301
    LOCAL_LIMIT_EXCEEDED = 0x302

    @property
    def code(self) -> int:
        """The reason byte of the PDU."""
        return self.value & 0xFF

    @property
    def source(self) -> RejectSource:
        """The source that this reason belongs to."""
        return RejectSource(self.value >> 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIdentity:
    """User Identity sub-item (PS3.7 D.3.3.7): type 1 user name, 2 with passcode, 3 Kerberos,
    4 SAML, 5 JSON web token. The secret never shows in logs.
    """

    kind: int
    primary: bytes
    secondary: bytes
    response_requested: bool

    def __repr__(self) -> str:
        return f"UserIdentity(kind={self.kind}, …)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedContext:
    """A presentation context as the requestor proposes it. ``scu`` and ``scp`` are the roles it
    offers to play (PS3.7 D.3.3.4); without role selection a requestor is SCU.
    """

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    scu: bool = True
    scp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRequest:
    """An A-ASSOCIATE-RQ that is to be judged."""

    association_id: str
    calling_aet: str
    called_aet: str
    address: str
    port: int
    tls_subject: str
    user_identity: UserIdentity | None
    contexts: tuple[ProposedContext, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An answer of ``on_association``: no association. ``note`` goes to the log alone."""

    reason: RejectReason = RejectReason.NO_REASON_GIVEN
    result: RejectResult = RejectResult.PERMANENT
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """An answer of ``on_association``: only these presentation context ids stay; the others are
    answered as user-rejection (PS3.8 Table 9-18, result 1).
    """

    context_ids: frozenset[int]
    note: str = ""
