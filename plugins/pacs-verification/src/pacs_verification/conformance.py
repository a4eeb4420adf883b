"""What the conformance statement says of Verification."""

from __future__ import annotations

from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pacs_framework.conformance.records import (
    Contribution,
    Initiation,
    Role,
    ServiceConformance,
    StatusMeaning,
)
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_verification.command import echo
from pacs_verification.service import VerificationService

__all__ = ["contributions"]


def contributions() -> list[Contribution]:
    """The service as SCP, and ``pacs echo`` as SCU."""
    return [
        ServiceConformance(
            service=VerificationService.name,
            role=Role.SCP,
            title="C-ECHO",
            behaviour=("Every C-ECHO is answered at once; nothing of the archive is asked.",),
            statuses=(StatusMeaning(status=Status.SUCCESS, when="always"),),
        ),
        Initiation(
            activity="pacs echo",
            when="a person or a script runs the command",
            sop_classes=(str(Verification),),
            transfer_syntaxes=tuple(sorted(UNCOMPRESSED)),
            proposal="one presentation context with all of the transfer syntaxes",
            calling_aet=next(str(p.default) for p in echo.params if p.name == "aet"),
            statuses=(
                StatusMeaning(status=Status.SUCCESS, when="exit code 0; any other status is 1"),
            ),
        ),
    ]
