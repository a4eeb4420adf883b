"""Storage as SCP: a C-STORE goes through the archive's door and is answered with what became of it.

PS3.4 Annex B. The archive decides everything about the instance; this module knows which
presentation contexts a storage provider accepts and how a C-STORE request names its instance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from pynetdicom.presentation import AllStoragePresentationContexts

from pacs_framework.archive.incoming import Origin
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.errors import MismatchedInstance, RefusedByPolicy
from pacs_framework.network.service import (
    CommandField,
    DimseService,
    Request,
    SupportedContext,
)
from pacs_store.settings import StoreSettings

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.network.association import Association

__all__ = ["StorageService"]

_TRANSFER_SYNTAXES = frozenset(TRANSFER_SYNTAXES)
_STANDARD_CLASSES = frozenset(str(c.abstract_syntax) for c in AllStoragePresentationContexts)


class StorageService(DimseService):
    """Receives instances of every storage SOP class in every transfer syntax of the standard."""

    name: ClassVar[str] = "storage"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_STORE})

    def __init__(self, archive: Archive, settings: StoreSettings) -> None:
        self._archive = archive
        self._settings = settings
        self._origins: WeakKeyDictionary[Association, Origin] = WeakKeyDictionary()

    def contexts(self) -> Iterable[SupportedContext]:
        """Every storage SOP class that pynetdicom knows."""
        return [_context(sop_class) for sop_class in sorted(_STANDARD_CLASSES)]

    def context_for(self, abstract_syntax: str) -> SupportedContext | None:
        """Private and future storage SOP classes, where the site allows them."""
        return _context(abstract_syntax) if self._settings.unknown_sop_classes else None

    def serve(self, request: Request) -> None:
        """Stream the data set into the archive; success only when it is durable and indexed."""
        association = request.association
        origin = self._origins.get(association)
        if origin is None:
            origin = self._origins[association] = _origin(association)
        meta = _file_meta(request)
        self._check_class(meta.sop_class_uid, request.context.abstract_syntax)
        with self._archive.receive(origin, meta) as reception:
            request.stream_dataset(reception.write)
            outcome = reception.commit()
        request.respond(outcome.status, comment=outcome.comment)

    def _check_class(self, sop_class_uid: str, negotiated: str) -> None:
        """Some senders use a context for instances of other classes. What would not be accepted in
        negotiation does not come in that way either. Raises `RefusedByPolicy` as 0122H.
        """
        if sop_class_uid == negotiated or sop_class_uid in _STANDARD_CLASSES:
            return
        if not self._settings.unknown_sop_classes:
            raise RefusedByPolicy(
                f"SOP class {sop_class_uid[:64]!r} is not accepted here",
                status=Status.SOP_CLASS_NOT_SUPPORTED,
            )


def _context(abstract_syntax: str) -> SupportedContext:
    return SupportedContext(abstract_syntax=abstract_syntax, transfer_syntaxes=_TRANSFER_SYNTAXES)


def _origin(association: Association) -> Origin:
    peer = association.peer
    return Origin(
        door="dimse",
        calling_aet=peer.calling_aet,
        called_aet=peer.called_aet,
        address=peer.address,
        association_id=association.id,
        tls_subject=peer.tls_subject,
    )


def _file_meta(request: Request) -> FileMeta:
    """What the command says of the instance (PS3.7 9.3.1.1)."""
    sop_class_uid = request.command.get("AffectedSOPClassUID")
    sop_instance_uid = request.command.get("AffectedSOPInstanceUID")
    if not sop_class_uid or not sop_instance_uid or not request.has_dataset:
        raise MismatchedInstance(
            "C-STORE request without Affected SOP Class UID, SOP Instance UID or data set"
        )
    return FileMeta(
        sop_class_uid=str(sop_class_uid),
        sop_instance_uid=str(sop_instance_uid),
        transfer_syntax_uid=request.context.transfer_syntax,
    )
