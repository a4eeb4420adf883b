"""Protocol data units: their frame, and the small ones whole (PS3.8 section 9.3).

P-DATA-TF, A-RELEASE, A-ABORT and A-ASSOCIATE-RJ are a few fixed bytes and are packed here. The
items of A-ASSOCIATE-RQ and -AC are in `pacs_framework.network.associate`.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from pacs_framework.network.decisions import Rejection

__all__ = [
    "DATA_HEADER",
    "PDATA_OVERHEAD",
    "PDU_HEADER",
    "PDV_HEADER",
    "RELEASE_RP",
    "RELEASE_RQ",
    "AbortReason",
    "AbortSource",
    "PduType",
    "data_header",
    "encode_abort",
    "encode_reject",
]


class PduType(IntEnum):
    """PDU-type (PS3.8 Table 9-11 and following)."""

    ASSOCIATE_RQ = 0x01
    ASSOCIATE_AC = 0x02
    ASSOCIATE_RJ = 0x03
    P_DATA_TF = 0x04
    RELEASE_RQ = 0x05
    RELEASE_RP = 0x06
    ABORT = 0x07


class AbortSource(IntEnum):
    """Source of A-ABORT (PS3.8 Table 9-26)."""

    SERVICE_USER = 0
    SERVICE_PROVIDER = 2


class AbortReason(IntEnum):
    """Reason of A-ABORT from the service provider (PS3.8 Table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PDU_PARAMETER = 4
    UNEXPECTED_PDU_PARAMETER = 5
    INVALID_PDU_PARAMETER_VALUE = 6


PDU_HEADER = Struct(">BxI")
"""PDU-type and PDU-length."""

PDV_HEADER = Struct(">IBB")
"""Item-length (which counts the two bytes after it), context id, message control header."""

PDATA_OVERHEAD = PDV_HEADER.size
"""Bytes of a P-DATA-TF with one item that count against the maximum length (PS3.8 D.1)."""

DATA_HEADER = Struct(">BxIIBB")
"""Both headers of a P-DATA-TF with one item."""

_SHORT = Struct(">BxIxBBB")

RELEASE_RQ = PDU_HEADER.pack(PduType.RELEASE_RQ, 4) + bytes(4)
RELEASE_RP = PDU_HEADER.pack(PduType.RELEASE_RP, 4) + bytes(4)


def data_header(context_id: int, control: int, length: int) -> bytes:
    """The 12 bytes in front of ``length`` bytes of one PDV that is alone in its P-DATA-TF.

    ``control`` is the message control header (PS3.8 E.2): bit 0 command, bit 1 last fragment.
    """
    return DATA_HEADER.pack(PduType.P_DATA_TF, length + 6, length + 2, context_id, control)


def encode_abort(source: AbortSource, reason: AbortReason) -> bytes:
    """A-ABORT (PS3.8 Table 9-26); the reason means something from the provider only."""
    return _SHORT.pack(PduType.ABORT, 4, 0, source, reason)


def encode_reject(rejection: Rejection) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""
    reason = rejection.reason
    return _SHORT.pack(PduType.ASSOCIATE_RJ, 4, rejection.result, reason.source, reason.code)
