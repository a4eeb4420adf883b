"""What can go wrong on the wire, as a branch of the tree in `pacs_framework.errors`.

::

    PacsError
    ├── NormalizedFailure           a DIMSE-N request fails, with what its status calls for
    └── AssociationError            the association is over, or never came to be
        ├── ConnectionFailed        no transport connection, no TLS, or it broke
        ├── AssociationRejected     the peer answered A-ASSOCIATE-RJ
        ├── AssociationAborted      A-ABORT or A-P-ABORT, from either side
        └── ProtocolError           the peer broke PS3.7 or PS3.8; answered with A-P-ABORT

Messages carry AE titles, addresses and UIDs, never a value out of a data set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pacs_framework.errors import PacsError
from pacs_framework.network.pdu import AbortReason, AbortSource

__all__ = [
    "AssociationAborted",
    "AssociationError",
    "AssociationRejected",
    "ConnectionFailed",
    "NormalizedFailure",
    "ProtocolError",
]


class NormalizedFailure(PacsError):
    """A DIMSE-N request that fails (PS3.7 Annex C.5): raised in a service, it is the response.

    ``attributes`` are the tags that the failure is about (Attribute Identifier List), ``error_id``
    is a number of the application's own (Error ID, PS3.7 C.4.2); both travel with the status.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        attributes: Sequence[int] = (),
        error_id: int | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.elements: Mapping[str, object] = {
            "AttributeIdentifierList": tuple(attributes) or None,
            "ErrorID": error_id,
        }


class AssociationError(PacsError):
    """The association is over, or never came to be; nothing more can be sent on it."""


class ConnectionFailed(AssociationError):
    """There is no transport connection: refused, timed out, TLS failed, or it broke."""


class AssociationRejected(AssociationError):
    """The peer answered A-ASSOCIATE-RJ (PS3.8 Table 9-21): its result, source and reason bytes."""

    def __init__(self, message: str, *, result: int, source: int, reason: int) -> None:
        super().__init__(message)
        self.result = result
        self.source = source
        self.reason = reason


class AssociationAborted(AssociationError):
    """The association was aborted (PS3.8 section 9.3.8); ``by_peer`` says which side did it."""

    def __init__(
        self,
        message: str,
        *,
        source: int = AbortSource.SERVICE_USER,
        reason: int = AbortReason.NOT_SPECIFIED,
        by_peer: bool = False,
    ) -> None:
        super().__init__(message)
        self.source = source
        self.reason = reason
        self.by_peer = by_peer


class ProtocolError(AssociationError):
    """The peer sent what PS3.7 or PS3.8 do not allow; ``reason`` goes into the A-P-ABORT."""

    def __init__(
        self, message: str, *, reason: AbortReason = AbortReason.INVALID_PDU_PARAMETER_VALUE
    ) -> None:
        super().__init__(message)
        self.reason = reason
