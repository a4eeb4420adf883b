"""From a C-MOVE or C-GET to located instances and who gets them (PS3.4 C.4.2.2, C.4.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root, level_of
from pacs_framework.dicom.identifier import decode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.errors import IndexUnavailable, QueryError
from pacs_framework.network.service import Request
from pacs_query_retrieve.models import Negotiated

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import Located
    from pacs_query_retrieve.settings import QueryRetrieveSettings

__all__ = ["locate", "recipient_of"]


def locate(
    archive: Archive, request: Request, root: Root, settings: QueryRetrieveSettings
) -> Located:
    """The instances that a request asks for. Raises `QueryError` (A900H), and `IndexUnavailable`
    as A701H, unable to calculate the number of matches.
    """
    if not request.has_dataset:
        raise QueryError("retrieval without an identifier")
    identifier = decode_identifier(request.read_dataset(), request.context.transfer_syntax)
    relational = Negotiated.of(request, settings).relational
    level = level_of(identifier, root)
    try:
        return archive.retrieve.locate(level, root, identifier, relational=relational)
    except IndexUnavailable as error:
        status = Status.UNABLE_TO_CALCULATE_MATCHES
        raise IndexUnavailable(str(error), status=status) from error


def recipient_of(request: Request, *, destination: str | None = None) -> Recipient:
    """Who gets what ``request`` asks for: the AE title of a move destination, else the peer."""
    peer = request.association.peer
    return Recipient(
        door="get" if destination is None else "move",
        aet=peer.calling_aet if destination is None else destination,
        calling_aet=peer.calling_aet,
        called_aet=peer.called_aet,
        address=peer.address,
        association_id=request.association.id,
        tls_subject=peer.tls_subject,
    )
