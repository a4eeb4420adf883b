"""C-MOVE and C-GET of the information models (PS3.4 C.4.2, C.4.3, and U.4.2 and its likes).

There is one level, and so no Query/Retrieve Level: SOP Instance UIDs name what is wanted.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import structlog

from pacs_framework.dicom.identifier import decode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import IndexUnavailable, PacsError, QueryError
from pacs_framework.network.cancellation import Cancellation
from pacs_framework.network.carriers import Destination, SameAssociation
from pacs_framework.network.errors import AssociationError
from pacs_framework.network.routes import UNCOMPRESSED_ONLY, encoded_for
from pacs_framework.network.score import Score
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext
from pacs_non_patient.categories import BY_CLASS, MODELS
from pacs_non_patient.collection import Collection, Facts
from pacs_non_patient.searching import values_under

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.network.carriers import Carrier

__all__ = ["GetService", "MoveService"]

_log = structlog.get_logger(__name__)


class GetService(DimseService):
    """Sends instances back on the association of the request."""

    name: ClassVar[str] = "non-patient-get"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_GET})

    def __init__(self, archive: Archive) -> None:
        self._collection = Collection.of(archive)
        self._storage = {model.get: model.storage for model in MODELS}

    def contexts(self) -> Iterable[SupportedContext]:
        """The GET SOP class of each model, and the storage classes with the requestor as SCP."""
        for uid in self._storage:
            yield SupportedContext(abstract_syntax=uid, transfer_syntaxes=UNCOMPRESSED)
        for uid in BY_CLASS:
            yield SupportedContext(
                abstract_syntax=uid,
                transfer_syntaxes=UNCOMPRESSED,
                peer_as_scu=False,
                peer_as_scp=True,
            )

    def serve(self, request: Request) -> None:
        """Send what the identifier names, each instance as a C-STORE request to the peer."""
        located = _located(request, self._collection, self._storage)
        retrieval = _Retrieval(request, self._collection, located)
        retrieval.run(SameAssociation(request.association, UNCOMPRESSED_ONLY))
        retrieval.finish()


class MoveService(DimseService):
    """Sends instances to the peers of the configuration, ``[peers.NAME]``."""

    name: ClassVar[str] = "non-patient-move"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_MOVE})

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._collection = Collection.of(archive)
        self._storage = {model.move: model.storage for model in MODELS}

    def contexts(self) -> Iterable[SupportedContext]:
        """The MOVE SOP class of each model."""
        return [
            SupportedContext(abstract_syntax=uid, transfer_syntaxes=UNCOMPRESSED)
            for uid in self._storage
        ]

    def serve(self, request: Request) -> None:
        """Move what the identifier names; A801H when nobody knows the destination."""
        aet = str(request.command.get("MoveDestination") or "")
        peer = self._archive.peers.by_aet(aet)
        if peer is None:
            _log.warning("unknown move destination", destination=aet)
            comment = f"no [peers.NAME] has the aet {aet!r}"
            request.respond(Status.MOVE_DESTINATION_UNKNOWN, comment=comment)
            return
        located = _located(request, self._collection, self._storage)
        originator = {
            "MoveOriginatorApplicationEntityTitle": request.association.peer.calling_aet,
            "MoveOriginatorMessageID": request.command["MessageID"],
        }
        retrieval = _Retrieval(request, self._collection, located, originator)
        kinds = {facts.kind for facts in located}
        with Destination(peer, self._archive.connect, UNCOMPRESSED_ONLY, kinds) as destination:
            retrieval.run(destination)
        retrieval.finish()


def _located(
    request: Request, collection: Collection, storage: Mapping[str, tuple[str, ...]]
) -> Sequence[Facts]:
    """What a request names, of the classes of its model. Raises `QueryError` (A900H), and
    `IndexUnavailable` as A701H, unable to calculate the number of matches.
    """
    if not request.has_dataset:
        raise QueryError("retrieval without an identifier")
    identifier = decode_identifier(request.read_dataset(), request.context.transfer_syntax)
    uids = values_under(identifier, "SOPInstanceUID")
    if not uids:
        raise QueryError("identifier: SOP Instance UID (0008,0018) names nothing to retrieve")
    try:
        return collection.located(uids, storage[request.context.abstract_syntax])
    except IndexUnavailable as error:
        status = Status.UNABLE_TO_CALCULATE_MATCHES
        raise IndexUnavailable(str(error), status=status) from error


class _Retrieval:
    """One sub-operation for each located instance, with a pending response behind each.

    ``elements`` are further elements of each C-STORE request.
    """

    def __init__(
        self,
        request: Request,
        collection: Collection,
        located: Sequence[Facts],
        elements: Mapping[str, object] | None = None,
    ) -> None:
        self._request = request
        self._collection = collection
        self._located = located
        self._elements = {"Priority": request.command.get("Priority", 0), **(elements or {})}
        self._cancelled = Cancellation(request)
        self._score = Score(remaining=len(located))

    def run(self, carrier: Carrier) -> None:
        """Send all; a C-CANCEL stops it, and what has no way any more has failed."""
        for facts in self._located:
            if self._cancelled():
                return
            usable = carrier.usable
            status = self._send(carrier, facts) if usable else Status.PROCESSING_FAILURE
            self._score.record(facts.sop_instance_uid, status)
            counts = self._score.elements(final=False)
            self._request.respond(Status.PENDING, elements=counts)

    def _send(self, carrier: Carrier, facts: Facts) -> int:
        """Send one instance; the status it was answered with, or why it was not sent."""
        route = carrier.route(facts.kind)
        if route is None:
            return Status.SOP_CLASS_NOT_SUPPORTED
        kept = self._collection.open(facts.sop_instance_uid)
        if kept is None or kept.facts.kind != facts.kind:
            return Status.PROCESSING_FAILURE  # deleted or replaced a moment ago
        association, context = route
        elements = {"AffectedSOPInstanceUID": facts.sop_instance_uid, **self._elements}
        try:
            data = encoded_for(context, facts.transfer_syntax_uid, io.BytesIO(kept.dataset))
            message_id = association.send_request(context, CommandField.C_STORE, elements, data)
            return association.receive_response(message_id).status
        except PacsError as error:
            _log.warning(
                "a sub-operation failed",
                sop_instance_uid=facts.sop_instance_uid,
                error=str(error),
            )
            if isinstance(error, AssociationError) or not association.is_established:
                carrier.lost(association, error)
            return Status.PROCESSING_FAILURE

    def finish(self) -> None:
        """The final response."""
        self._score.finish(self._request, cancelled=self._cancelled())
