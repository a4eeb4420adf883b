"""The C-STORE sub-operations of a retrieval, one by one (PS3.4 C.4.2.3, C.4.3.3).

C-MOVE and C-GET differ only in the association that the instances travel on: a `Carrier` has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import structlog

from pacs_framework.dicom.status import Status
from pacs_framework.errors import IndexUnavailable, PacsError
from pacs_framework.network.errors import AssociationError
from pacs_framework.network.routes import encoded_for
from pacs_framework.network.service import AcceptedContext, CommandField, Request
from pacs_query_retrieve.ahead import Ahead
from pacs_query_retrieve.cancellation import Cancellation
from pacs_query_retrieve.score import Score

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import Located, OpenInstance
    from pacs_framework.dicom.file_meta import InstanceKind
    from pacs_framework.network.association import Association

__all__ = ["Carrier", "Retrieval"]

_log = structlog.get_logger(__name__)


class Carrier(Protocol):
    """Where instances are sent to."""

    @property
    def usable(self) -> bool:
        """Whether any instance can still be sent."""

    def route(self, kind: InstanceKind) -> tuple[Association, AcceptedContext] | None:
        """The association and the context for a kind of instance; None when none fits."""

    def lost(self, association: Association, error: Exception) -> None:
        """Take note that an association is over; raises ``error`` if the request's own is."""


class Retrieval:
    """Sends located instances by a carrier and answers the request on the way.

    ``elements`` are further elements of each C-STORE request. Pending responses are
    ``pending_interval`` seconds apart, or behind each sub-operation where it is 0.
    """

    def __init__(
        self,
        request: Request,
        archive: Archive,
        located: Located,
        *,
        pending_interval: float,
        elements: Mapping[str, object] | None = None,
    ) -> None:
        self._request = request
        self._ahead = Ahead(archive.retrieve, located)
        self._converter = archive.transcoding
        self._cancellation = Cancellation(request)
        self._elements = {"Priority": request.command.get("Priority", 0), **(elements or {})}
        self._score = Score(remaining=len(located))
        self._interval = pending_interval
        self._pending_due = monotonic() + pending_interval

    def run(self, carrier: Carrier) -> None:
        """One sub-operation for each instance, and pending responses on the way.

        Stops at a C-CANCEL, and when the carrier has no way left: then the rest has failed.
        Raises `IndexUnavailable` as A702H when the index fails on the way.
        """
        try:
            self._run(carrier)
        except IndexUnavailable as error:
            status = Status.UNABLE_TO_PERFORM_SUBOPERATIONS
            raise IndexUnavailable(str(error), status=status) from error

    def _run(self, carrier: Carrier) -> None:
        with self._ahead:
            while carrier.usable and not self._cancellation():
                due = next(self._ahead, None)
                if due is None:
                    return
                status = self._store(carrier, due.opened)
                self._score.record(due.stored.sop_instance_uid, status)
                self._tell_counts()
            if not self._cancellation.requested:
                for stored in self._ahead.rest():
                    self._score.record(stored.sop_instance_uid, Status.PROCESSING_FAILURE)

    def _tell_counts(self) -> None:
        now = monotonic()
        if now >= self._pending_due:
            self._pending_due = now + self._interval
            self._request.respond(Status.PENDING, elements=self._score.elements(final=False))

    def _store(self, carrier: Carrier, opened: OpenInstance | None) -> int:
        """Send one instance; the status it was answered with, or why it was not sent."""
        if opened is None:
            return Status.PROCESSING_FAILURE
        with opened.data:
            route = carrier.route(opened.instance.kind)
            if route is None:
                return Status.SOP_CLASS_NOT_SUPPORTED
            association, context = route
            try:
                return self._exchange(association, context, opened)
            except PacsError as error:
                _log.warning(
                    "a sub-operation failed",
                    sop_instance_uid=opened.instance.sop_instance_uid,
                    error=str(error),
                )
                if isinstance(error, AssociationError) or not association.is_established:
                    carrier.lost(association, error)
                return Status.PROCESSING_FAILURE

    def _exchange(
        self, association: Association, context: AcceptedContext, opened: OpenInstance
    ) -> int:
        """C-STORE one instance, and open the next one while the peer works on it."""
        elements = {
            "AffectedSOPInstanceUID": opened.instance.sop_instance_uid,
            **self._elements,
        }
        message_id = association.send_request(
            context,
            CommandField.C_STORE,
            elements,
            encoded_for(context, opened.instance.transfer_syntax_uid, opened.data, self._converter),
        )
        self._ahead.prepare()
        return association.receive_response(message_id).status

    def finish(self) -> Status:
        """The final response, which is returned by its status."""
        score, cancelled = self._score, self._cancellation.requested
        status = Status.CANCEL if cancelled else score.final_status
        self._request.respond(
            status,
            elements=score.elements(final=not cancelled),
            dataset=score.failed_identifier(self._request.context.transfer_syntax),
        )
        _log.info(
            "retrieval answered",
            status=status.name,
            completed=score.completed,
            warning=score.warning,
            failed=score.failed,
            remaining=score.remaining,
        )
        return status
