"""The words of the Storage Commitment Push Model (PS3.4 Annex J, PS3.3 C.14)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from pacs_framework.network.decisions import ProposedContext

__all__ = [
    "ALL_COMMITTED",
    "BY_HTTP",
    "PUSH_MODEL",
    "REQUEST_COMMITMENT",
    "SOME_FAILED",
    "WELL_KNOWN_INSTANCE",
    "FailureReason",
    "Reference",
    "Report",
    "State",
    "proposal",
]

PUSH_MODEL = str(StorageCommitmentPushModel)
WELL_KNOWN_INSTANCE = str(StorageCommitmentPushModelInstance)

REQUEST_COMMITMENT = 1
"""The one Action Type ID (PS3.4 Table J.3-1)."""

ALL_COMMITTED = 1
"""Event Type ID: storage commitment request successful (PS3.4 Table J.3-2)."""

SOME_FAILED = 2
"""Event Type ID: request complete, failures exist."""

BY_HTTP = "HTTP\\"
"""Before the name of who asked by HTTP, in the place of an AE title, which has no backslash."""

_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))


class FailureReason(IntEnum):
    """Failure Reason (0008,1197) of one instance (PS3.3 C.14.1.1)."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_OBJECT_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    DUPLICATE_TRANSACTION_UID = 0x0131
    RESOURCE_LIMITATION = 0x0213


class State(StrEnum):
    """Where a transaction is. The first four are of those that peers ask of us."""

    CHECKING = "checking"
    REPORTING = "reporting"
    REPORTED = "reported"
    GIVEN_UP = "given up"
    ASKED = "asked"
    COMMITTED = "committed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An instance by its SOP class and its UID."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of the instances of a transaction; ``failed`` maps to the Failure Reason."""

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: dict[Reference, int]


def proposal(*, as_scp: bool = False) -> list[ProposedContext]:
    """The presentation context; ``as_scp`` for a report on an association of its own."""
    return [
        ProposedContext(
            context_id=1,
            abstract_syntax=PUSH_MODEL,
            transfer_syntaxes=_SYNTAXES,
            scu=not as_scp,
            scp=as_scp,
        )
    ]
