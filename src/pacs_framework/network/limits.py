"""How much a peer may take: associations, bytes and seconds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]

_SMALLEST_PDU = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one listener or of one outgoing association.

    max_associations
        Established associations at once; one more is answered with A-ASSOCIATE-RJ: transient,
        service-provider (presentation), local limit exceeded (PS3.8 Table 9-21).
    max_half_open
        Connections that have not yet sent their A-ASSOCIATE-RQ. They are counted apart, so that
        they never use up ``max_associations``; when the number is reached the oldest one is closed.
    max_pdu
        Length in bytes of the largest PDU we receive, announced to the peer (PS3.8 D.1); a longer
        one is answered with A-ABORT. 0 announces no limit; memory stays bounded even then.
    max_message_bytes
        Longest data set of one message; longer ones are drained and answered with A700H, and the
        association is aborted when more than twice as much arrives. 0 means unlimited.
    artim_timeout
        Seconds of the ARTIM timer (PS3.8 section 9.1.5): for the peer's A-ASSOCIATE-RQ (the TLS
        handshake included), for its closing of the connection at the end, and as requestor for
        the connection and the answer to our request.
    idle_timeout
        Seconds without any message, or waiting for a response; 0 waits for ever.
    network_timeout
        Seconds without progress in the middle of a message, in either direction; 0 waits for ever.
    """

    max_associations: int = 100
    max_half_open: int = 100
    max_pdu: int = 131072
    max_message_bytes: int = 0
    artim_timeout: float = 30.0
    idle_timeout: float = 600.0
    network_timeout: float = 60.0

    def __post_init__(self) -> None:
        if self.max_associations < 1 or self.max_half_open < 1:
            raise ValueError("max_associations and max_half_open must be at least 1")
        if self.max_pdu != 0 and not _SMALLEST_PDU <= self.max_pdu < 1 << 32:
            raise ValueError(f"max_pdu must be 0 or {_SMALLEST_PDU} … 2³²-1, not {self.max_pdu!r}")
        if self.max_message_bytes < 0:
            raise ValueError(f"max_message_bytes must not be negative: {self.max_message_bytes!r}")
        if self.artim_timeout <= 0 or self.idle_timeout < 0 or self.network_timeout < 0:
            raise ValueError("artim_timeout must be positive, the other time-outs 0 or more")
