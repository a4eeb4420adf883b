"""Study status as SCP: N-GET of a Study Instance UID tells how much of the study is here.

A private SOP class (PS3.2 allows them; the UID below was made for this plugin). The SOP instance
that is asked for is the study, so the Requested SOP Instance UID is its Study Instance UID.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import NormalizedService, Operation, Outcome
from pacs_framework.network.service import CommandField, SupportedContext
from pydicom import Dataset

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["STUDY_STATUS", "StudyStatusService"]

STUDY_STATUS = "2.25.1"
"""SOP class of this service, made from a UUID (PS3.5 B.2)."""


class StudyStatusService(NormalizedService):
    """Answers with Modalities in Study and the numbers of series and instances.

    `NormalizedService` reads requests and answers those that are wrong. A service of composite
    operations (C-STORE, C-FIND …) inherits `DimseService` and writes ``serve`` instead.
    """

    name: ClassVar[str] = "samplename"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.N_GET})

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def contexts(self) -> Iterable[SupportedContext]:
        """One private SOP class; the answer travels uncompressed."""
        return [SupportedContext(abstract_syntax=STUDY_STATUS, transfer_syntaxes=UNCOMPRESSED)]

    def perform(self, operation: Operation) -> Outcome:
        """PS3.7 10.1.2: an attribute list, or 0112H for a study that is not here."""
        found = self._find(operation.sop_instance_uid)
        if found is None:
            raise NormalizedFailure("no such study here", status=Status.NO_SUCH_SOP_INSTANCE)
        return Outcome(dataset=found)

    def _find(self, study_instance_uid: str) -> Dataset | None:
        """What the index knows of the study. An error of the index becomes a failure status."""
        keys = Dataset()
        keys.StudyInstanceUID = study_instance_uid
        keys.ModalitiesInStudy = None
        keys.NumberOfStudyRelatedSeries = None
        keys.NumberOfStudyRelatedInstances = None
        return next(self._archive.query.find(Level.STUDY, Root.STUDY, keys, limit=1), None)
