"""C-MOVE as SCP: instances go to a third node by a sub-association (PS3.4 C.4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import structlog

from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.network.carriers import Destination
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext
from pacs_query_retrieve.models import MOVE, answer_retrieve, offered
from pacs_query_retrieve.retrieval import locate, recipient_of
from pacs_query_retrieve.sending import Sending
from pacs_query_retrieve.suboperations import Retrieval

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_query_retrieve.settings import QueryRetrieveSettings

__all__ = ["MoveService"]

_log = structlog.get_logger(__name__)


class MoveService(DimseService):
    """Sends instances to the peers of the configuration, ``[peers.NAME]``."""

    name: ClassVar[str] = "move"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_MOVE})

    def __init__(self, archive: Archive, settings: QueryRetrieveSettings) -> None:
        self._archive = archive
        self._settings = settings

    def contexts(self) -> Iterable[SupportedContext]:
        """The MOVE SOP class of each model."""
        return [
            SupportedContext(abstract_syntax=uid, transfer_syntaxes=UNCOMPRESSED)
            for uid in offered(MOVE, self._settings)
        ]

    def negotiate(self, abstract_syntax: str, proposed: bytes) -> bytes | None:
        """Relational retrieval, when proposed (PS3.4 C.5.3)."""
        return answer_retrieve(proposed) if abstract_syntax in MOVE else None

    def serve(self, request: Request) -> None:
        """Move what the identifier names; A801H when nobody knows the destination."""
        aet = str(request.command.get("MoveDestination") or "")
        peer = self._archive.peers.by_aet(aet)
        if peer is None:
            _log.warning("unknown move destination", destination=aet)
            comment = f"no [peers.NAME] has the aet {aet!r}"
            request.respond(Status.MOVE_DESTINATION_UNKNOWN, comment=comment)
            return
        root = MOVE[request.context.abstract_syntax]
        located = locate(self._archive, request, root, self._settings)
        sending = Sending(self._settings.send_as, peer.aet, self._archive.transcoding)
        retrieval = Retrieval(
            request,
            self._archive,
            located,
            recipient=recipient_of(request, destination=peer.aet),
            sending=sending,
            pending_interval=self._settings.pending_interval,
            elements=_originator(request),
        )
        with Destination(
            peer, self._archive.connect, self._archive.transcoding, sending.proposed(located.kinds)
        ) as destination:
            retrieval.run(destination)
        retrieval.finish()


def _originator(request: Request) -> dict[str, object]:
    """Who asked for a sub-operation, by which message (PS3.7 Table 9.3-1)."""
    return {
        "MoveOriginatorApplicationEntityTitle": request.association.peer.calling_aet,
        "MoveOriginatorMessageID": request.command["MessageID"],
    }
