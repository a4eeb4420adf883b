"""The score of a retrieval: how many sub-operations are left, and how the others went.

PS3.4 C.4.2.1.5 to C.4.2.1.10 for C-MOVE, C.4.3.1.4 to C.4.3.1.9 for C-GET.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status, is_warning

if TYPE_CHECKING:
    from pacs_framework.network.service import Request

__all__ = ["Score"]

_log = structlog.get_logger(__name__)

_FAILED_UIDS = BaseTag(0x00080058)
_LONGEST_UI = 0xFFFE
_LARGEST_US = 0xFFFF  # the counts are of VR US; more than this is answered as this


@dataclass(slots=True, kw_only=True)
class Score:
    """Counts of sub-operations, and the UIDs of those that failed.

    ``gone`` are failed ones without a UID: instances that were deleted before it was looked up.
    """

    remaining: int
    completed: int = 0
    warning: int = 0
    gone: int = 0
    failed_uids: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many failed."""
        return len(self.failed_uids) + self.gone

    def record(self, sop_instance_uid: str, status: int) -> None:
        """Count one sub-operation by the status of its C-STORE response."""
        # Instances may have been stored since they were counted.
        self.remaining = max(0, self.remaining - 1)
        if status == Status.SUCCESS:
            self.completed += 1
        elif is_warning(status):
            self.warning += 1
        else:
            self.failed_uids.append(sop_instance_uid)

    def end(self) -> None:
        """No instance is left: those that were counted and never came have failed."""
        self.gone += self.remaining
        self.remaining = 0

    def elements(self, *, final: bool) -> dict[str, int]:
        """The counts as command elements; a final response tells nothing of remaining ones unless
        it answers a C-CANCEL (PS3.4 Tables C.4-2 and C.4-3).
        """
        counts = {
            "NumberOfCompletedSuboperations": self.completed,
            "NumberOfFailedSuboperations": self.failed,
            "NumberOfWarningSuboperations": self.warning,
        }
        if not final:
            counts["NumberOfRemainingSuboperations"] = self.remaining
        return {keyword: min(number, _LARGEST_US) for keyword, number in counts.items()}

    @property
    def final_status(self) -> Status:
        """Success when all went well, A702H when all failed, B000H for anything in between."""
        if not self.failed and not self.warning:
            return Status.SUCCESS
        if self.completed or self.warning:
            return Status.SUBOPERATIONS_WITH_FAILURES
        return Status.UNABLE_TO_PERFORM_SUBOPERATIONS

    def failed_identifier(self, transfer_syntax: str) -> bytes | None:
        """Failed SOP Instance UID List (0008,0058), encoded; None when nothing failed."""
        if not self.failed_uids:
            return None
        encoded = "\\".join(self.failed_uids).encode("ascii")
        encoded += b"\0" * (len(encoded) % 2)
        # Explicit VR has 16 bits for the length of UI; UN has more (PS3.5 6.2.2).
        vr = VR.UI if len(encoded) <= _LONGEST_UI else VR.UN
        identifier = Dataset()
        value = self.failed_uids if vr == VR.UI else encoded
        identifier.add(DataElement(_FAILED_UIDS, vr, value, already_converted=True))
        return encode_identifier(identifier, transfer_syntax)

    def finish(self, request: Request, *, cancelled: bool) -> Status:
        """Send the final response of a retrieval; its status."""
        status = Status.CANCEL if cancelled else self.final_status
        request.respond(
            status,
            elements=self.elements(final=not cancelled),
            dataset=self.failed_identifier(request.context.transfer_syntax),
        )
        _log.info(
            "retrieval answered",
            status=status.name,
            completed=self.completed,
            warning=self.warning,
            failed=self.failed,
            remaining=self.remaining,
        )
        return status
