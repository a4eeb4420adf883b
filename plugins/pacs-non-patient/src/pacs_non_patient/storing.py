"""Storage of non-patient instances as SCP: C-STORE (PS3.4 Annex GG)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import MismatchedInstance
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext
from pacs_non_patient.categories import BY_CLASS
from pacs_non_patient.collection import Collection
from pacs_non_patient.received import Gathering

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_non_patient.settings import NonPatientSettings

__all__ = ["StorageService"]


class StorageService(DimseService):
    """Takes instances in; SUCCESS when they are durable and can be found."""

    name: ClassVar[str] = "non-patient-storage"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_STORE})

    def __init__(self, archive: Archive, settings: NonPatientSettings) -> None:
        self._collection = Collection.of(archive)
        self._max_size = settings.max_size

    def contexts(self) -> Iterable[SupportedContext]:
        """Each SOP class, uncompressed: none of them has pixel data."""
        return [
            SupportedContext(abstract_syntax=uid, transfer_syntaxes=UNCOMPRESSED)
            for uid in BY_CLASS
        ]

    def serve(self, request: Request) -> None:
        """Gather the data set, look at it, keep it."""
        meta, data = _announced(request), Gathering(self._max_size)
        request.stream_dataset(data.take)
        peer = request.association.peer
        outcome = self._collection.take_in(meta, data.whole(), peer.calling_aet)
        request.respond(outcome.status, comment=outcome.comment)


def _announced(request: Request) -> FileMeta:
    """What the command says of the instance (PS3.7 9.3.1.1)."""
    sop_class_uid = str(request.command.get("AffectedSOPClassUID") or "")
    sop_instance_uid = str(request.command.get("AffectedSOPInstanceUID") or "")
    if sop_class_uid != request.context.abstract_syntax or not sop_instance_uid:
        raise MismatchedInstance(
            "C-STORE request without Affected SOP Instance UID, or of another SOP class than its "
            "presentation context"
        )
    if not request.has_dataset:
        raise MismatchedInstance("C-STORE request without a data set")
    return FileMeta(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        transfer_syntax_uid=request.context.transfer_syntax,
    )
