"""C-GET as SCP: instances come back on the association of the request (PS3.4 C.4.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pynetdicom.presentation import AllStoragePresentationContexts

from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, UNCOMPRESSED
from pacs_framework.network.carriers import SameAssociation
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext
from pacs_query_retrieve.models import GET, answer_retrieve, offered
from pacs_query_retrieve.retrieval import locate, recipient_of
from pacs_query_retrieve.sending import Sending
from pacs_query_retrieve.suboperations import Retrieval

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_query_retrieve.settings import QueryRetrieveSettings

__all__ = ["GetService"]

_ANY_SYNTAX = frozenset(TRANSFER_SYNTAXES)


class GetService(DimseService):
    """Sends instances to whoever asks, on the storage contexts where that one is the SCP."""

    name: ClassVar[str] = "get"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_GET})

    def __init__(self, archive: Archive, settings: QueryRetrieveSettings) -> None:
        self._archive = archive
        self._settings = settings

    def contexts(self) -> Iterable[SupportedContext]:
        """The GET SOP class of each model, and every storage SOP class for the sub-operations."""
        for uid in offered(GET, self._settings):
            yield SupportedContext(abstract_syntax=uid, transfer_syntaxes=UNCOMPRESSED)
        for context in AllStoragePresentationContexts:
            yield _storage(str(context.abstract_syntax))

    def context_for(self, abstract_syntax: str) -> SupportedContext | None:
        """Private SOP classes, should such instances be stored: a peer that offers to be their SCP
        may get them.
        """
        return _storage(abstract_syntax)

    def negotiate(self, abstract_syntax: str, proposed: bytes) -> bytes | None:
        """Relational retrieval, when proposed (PS3.4 C.5.3)."""
        return answer_retrieve(proposed) if abstract_syntax in GET else None

    def serve(self, request: Request) -> None:
        """Send what the identifier names, each instance as a C-STORE request to the peer."""
        root = GET[request.context.abstract_syntax]
        located = locate(self._archive, request, root, self._settings)
        recipient = recipient_of(request)
        retrieval = Retrieval(
            request,
            self._archive,
            located,
            recipient=recipient,
            sending=Sending(self._settings.send_as, recipient.aet, self._archive.transcoding),
            pending_interval=self._settings.pending_interval,
        )
        retrieval.run(SameAssociation(request.association, self._archive.transcoding))
        retrieval.finish()


def _storage(sop_class_uid: str) -> SupportedContext:
    """A storage context on which the requestor of the association is SCP (PS3.7 D.3.3.4)."""
    return SupportedContext(
        abstract_syntax=sop_class_uid,
        transfer_syntaxes=_ANY_SYNTAX,
        peer_as_scu=False,
        peer_as_scp=True,
    )
