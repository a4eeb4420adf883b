"""What the upper layer tells its driver: the indications and confirmations of PS3.8 section 7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pacs_framework.network.associate import AssociateAnswer, AssociateRequest
from pacs_framework.network.decisions import Rejection
from pacs_framework.network.pdu import AbortReason

__all__ = [
    "AbortIndicated",
    "ArtimExpired",
    "AssociateConfirmed",
    "AssociateIndicated",
    "AssociateRefused",
    "ConnectionClosed",
    "DataReceived",
    "ProviderAborted",
    "ReleaseCollided",
    "ReleaseConfirmed",
    "ReleaseIndicated",
    "RequestUnacceptable",
    "UpperLayerEvent",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateIndicated:
    """A-ASSOCIATE indication: the peer asks for an association."""

    request: AssociateRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUnacceptable:
    """The provider itself refused the request (AE-6); the rejection is already on its way."""

    rejection: Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateConfirmed:
    """A-ASSOCIATE confirmation: the peer accepted ours."""

    answer: AssociateAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRefused:
    """A-ASSOCIATE confirmation, negative: the bytes of A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""

    result: int
    source: int
    reason: int


class DataReceived(NamedTuple):
    """P-DATA indication: a piece of a presentation data value. There are many of them, so it is a
    tuple: made four times as fast as a frozen dataclass.

    A PDV comes in as many pieces as the bytes arrived in, so that a PDU of any length passes
    through bounded memory; ``last`` is true only on the final piece of a PDV that the peer marked
    as the last fragment (PS3.8 E.2). ``data`` is a view of the bytes given to the upper layer.
    """

    context_id: int
    is_command: bool
    last: bool
    data: memoryview


@dataclass(frozen=True, slots=True)
class ReleaseIndicated:
    """A-RELEASE indication: the peer has nothing more to ask."""


@dataclass(frozen=True, slots=True)
class ReleaseConfirmed:
    """A-RELEASE confirmation: the association is released, close the transport."""


@dataclass(frozen=True, slots=True)
class ReleaseCollided:
    """A-RELEASE indication while our own request is under way (AR-8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortIndicated:
    """A-ABORT or A-P-ABORT from the peer: its source and reason bytes (PS3.8 Table 9-26)."""

    source: int
    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAborted:
    """A-P-ABORT that we sent because of what the peer sent (AA-1, AA-7, AA-8)."""

    reason: AbortReason
    message: str


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The transport connection is gone (AA-4, AA-5, AR-5); ``orderly`` when it was expected."""

    orderly: bool


@dataclass(frozen=True, slots=True)
class ArtimExpired:
    """The peer did not do in time what it had to (AA-2); the transport is closed."""


UpperLayerEvent = (
    AssociateIndicated
    | RequestUnacceptable
    | AssociateConfirmed
    | AssociateRefused
    | DataReceived
    | ReleaseIndicated
    | ReleaseConfirmed
    | ReleaseCollided
    | AbortIndicated
    | ProviderAborted
    | ConnectionClosed
    | ArtimExpired
)
