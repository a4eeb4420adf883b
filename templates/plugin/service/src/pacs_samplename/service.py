"""Study status as SCP: N-GET of a Study Instance UID tells how much of the study is here.

A private SOP class (PS3.2 allows them; the UID below was made for this plugin). The SOP instance
that is asked for is the study, so the Requested SOP Instance UID is its Study Instance UID.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED, is_valid_uid
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext
from pydicom import Dataset

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["STUDY_STATUS", "StudyStatusService"]

STUDY_STATUS = "2.25.1"
"""SOP class of this service, made from a UUID (PS3.5 B.2)."""


class StudyStatusService(DimseService):
    """Answers with Modalities in Study and the numbers of series and instances."""

    name: ClassVar[str] = "samplename"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.N_GET})

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def contexts(self) -> Iterable[SupportedContext]:
        """One private SOP class; the answer travels uncompressed."""
        return [SupportedContext(abstract_syntax=STUDY_STATUS, transfer_syntaxes=UNCOMPRESSED)]

    def serve(self, request: Request) -> None:
        """PS3.7 10.1.2: an attribute list, or 0112H for a study that is not here."""
        study = str(request.command.get("RequestedSOPInstanceUID") or "")
        if not is_valid_uid(study):
            request.respond(Status.INVALID_SOP_INSTANCE, comment="no valid Study Instance UID")
            return
        found = self._find(study)
        if found is None:
            request.respond(Status.NO_SUCH_SOP_INSTANCE, comment="no such study here")
            return
        answer = encode_identifier(found, request.context.transfer_syntax)
        request.respond(Status.SUCCESS, dataset=answer)

    def _find(self, study_instance_uid: str) -> Dataset | None:
        """What the index knows of the study. An error of the index becomes a failure status."""
        keys = Dataset()
        keys.StudyInstanceUID = study_instance_uid
        keys.ModalitiesInStudy = None
        keys.NumberOfStudyRelatedSeries = None
        keys.NumberOfStudyRelatedInstances = None
        return next(self._archive.query.find(Level.STUDY, Root.STUDY, keys, limit=1), None)
