"""What the conformance statement says of the service; `pacs conformance` prints it."""

from __future__ import annotations

from pacs_framework.conformance.records import (
    Contribution,
    Role,
    ServiceConformance,
    StatusMeaning,
)
from pacs_framework.dicom.status import Status

from pacs_samplename.service import StudyStatusService

__all__ = ["contributions"]


def contributions() -> list[Contribution]:
    """Behaviour and statuses; SOP class and transfer syntaxes are read from the service."""
    statuses = {
        Status.SUCCESS: "the study is here, with what the answer says",
        Status.NO_SUCH_SOP_INSTANCE: "no such study",
        Status.INVALID_SOP_INSTANCE: "the Requested SOP Instance UID is no valid UID",
        Status.NO_SUCH_SOP_CLASS: "another SOP class is named",
        Status.MISTYPED_ARGUMENT: "no SOP class or no SOP instance is named",
        Status.OUT_OF_RESOURCES: "the index is away",
    }
    return [
        ServiceConformance(
            service=StudyStatusService.name,
            role=Role.SCP,
            title="N-GET",
            behaviour=("The Requested SOP Instance UID is a Study Instance UID.",),
            statuses=tuple(
                StatusMeaning(status=status, when=when) for status, when in statuses.items()
            ),
        )
    ]
