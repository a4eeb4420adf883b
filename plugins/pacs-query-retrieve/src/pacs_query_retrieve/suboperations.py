"""The C-STORE sub-operations of a retrieval, one by one (PS3.4 C.4.2.3, C.4.3.3).

C-MOVE and C-GET differ only in the association that the instances travel on: a `Carrier` has it
(`pacs_framework.network.carriers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from pacs_framework.codecs.transcoding import NoPixelData
from pacs_framework.dicom.status import Status
from pacs_framework.errors import IndexUnavailable, PacsError, StorageError, UnreadableInstance
from pacs_framework.network.cancellation import Cancellation
from pacs_framework.network.errors import AssociationError
from pacs_framework.network.routes import encoded_for
from pacs_framework.network.score import Score
from pacs_framework.network.service import AcceptedContext, CommandField, Request
from pacs_query_retrieve.ahead import Ahead, Next
from pacs_query_retrieve.sending import Chosen, Outgoing, Sending

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.outgoing import Recipient
    from pacs_framework.archive.retrieve import Located, OpenInstance
    from pacs_framework.codecs.early import EarlyConversion
    from pacs_framework.network.association import Association
    from pacs_framework.network.carriers import Carrier, Route

__all__ = ["Retrieval"]

_log = structlog.get_logger(__name__)


class Retrieval:
    """Sends located instances by a carrier and answers the request on the way.

    What ``recipient`` gets of them is what the ``on_retrieve`` hooks say, and ``sending`` in which
    transfer syntax.
    ``elements`` are further elements of each C-STORE request. Pending responses are
    ``pending_interval`` seconds apart, or behind each sub-operation where it is 0.
    """

    def __init__(
        self,
        request: Request,
        archive: Archive,
        located: Located,
        *,
        recipient: Recipient,
        sending: Sending,
        pending_interval: float,
        elements: Mapping[str, object] | None = None,
    ) -> None:
        self._request = request
        self._opener = archive.retrieve.opener(recipient)
        self._sending = sending
        self._located = located
        self._converter = archive.transcoding
        self._early = archive.early
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

        def begin(opened: OpenInstance) -> EarlyConversion | None:
            kind = opened.instance.kind
            context = carrier.context_for(kind)
            if context is None or self._sending.choose(kind, carrier.context_for) is not None:
                return None
            stored = opened.instance.transfer_syntax_uid
            return self._early.begin(opened.data, stored, context.transfer_syntax)

        limit = self._early.images
        try:
            with Ahead(self._opener, self._located, begin=begin, early=limit) as ahead:
                self._run(carrier, ahead)
        except IndexUnavailable as error:
            status = Status.UNABLE_TO_PERFORM_SUBOPERATIONS
            raise IndexUnavailable(str(error), status=status) from error

    def _run(self, carrier: Carrier, ahead: Ahead) -> None:
        while carrier.usable and not self._cancellation():
            due = next(ahead, None)
            if due is None:
                break
            status = self._store(carrier, due, ahead)
            self._score.record(due.stored.sop_instance_uid, status)
            self._tell_counts()
        if not self._cancellation.requested:
            for stored in ahead.rest():
                self._score.record(stored.sop_instance_uid, Status.PROCESSING_FAILURE)
            self._score.end()

    def _tell_counts(self) -> None:
        now = monotonic()
        if now >= self._pending_due:
            self._pending_due = now + self._interval
            self._request.respond(Status.PENDING, elements=self._score.elements(final=False))

    def _store(self, carrier: Carrier, due: Next, ahead: Ahead) -> int:
        """Send one instance; the status it was answered with, or why it was not sent."""
        with closing(due):
            if due.opened is None:
                return Status.PROCESSING_FAILURE
            kind = due.opened.instance.kind
            route = carrier.route(kind)  # at first, for it opens what the rules look at
            chosen = self._sending.choose(kind, carrier.context_for)
            if chosen is None or due.conversion is not None:
                return self._store_by(carrier, route, due, ahead)
            made = self._made(chosen, due.opened)
            if made is not None:
                return self._store_by(carrier, carrier.route(chosen.kind), due, ahead, made)
        with closing(ahead.again(due)) as anew:
            return self._store_by(carrier, route, anew, ahead)

    def _made(self, chosen: Chosen, opened: OpenInstance) -> Outgoing | None:
        """The instance as a rule wants it; None where that cannot be done."""
        uid = opened.instance.sop_instance_uid
        try:
            made = self._sending.encode(chosen.rule, opened)
        except NoPixelData:
            return None
        except (UnreadableInstance, StorageError) as error:
            _log.warning(
                "an instance is sent without its rule: it could not be encoded",
                to=chosen.rule.to,
                sop_instance_uid=uid,
                reason=str(error),
            )
            return None
        if chosen.rule.loss is not None:
            _log.info(
                "an instance is sent compressed with loss, as another one",
                sop_instance_uid=uid,
                sent=made.sop_instance_uid,
                loss=str(chosen.rule.loss),
            )
        return made

    def _store_by(
        self,
        carrier: Carrier,
        route: Route | None,
        due: Next,
        ahead: Ahead,
        made: Outgoing | None = None,
    ) -> int:
        opened = due.opened
        if opened is None:
            return Status.PROCESSING_FAILURE
        if route is None:
            return Status.SOP_CLASS_NOT_SUPPORTED
        association, context = route
        try:
            made = made or self._encoded(context, opened, due.conversion)
            message_id = self._send(association, context, made)
            ahead.prepare()  # while the peer works on this one
            return association.receive_response(message_id).status
        except PacsError as error:
            _log.warning(
                "a sub-operation failed",
                sop_instance_uid=opened.instance.sop_instance_uid,
                error=str(error),
            )
            if isinstance(error, AssociationError) or not association.is_established:
                carrier.lost(association, error)
                ahead.reopen()
            return Status.PROCESSING_FAILURE

    def _encoded(
        self, context: AcceptedContext, opened: OpenInstance, conversion: EarlyConversion | None
    ) -> Outgoing:
        """The same instance, in the transfer syntax of ``context``."""
        stored, data = opened.instance.transfer_syntax_uid, opened.data
        encoded = (
            encoded_for(context, stored, data, self._converter)
            if conversion is None
            else conversion.pieces(context.transfer_syntax)
        )
        return Outgoing(opened.instance.sop_instance_uid, encoded)

    def _send(self, association: Association, context: AcceptedContext, made: Outgoing) -> int:
        """Request C-STORE of one instance; the message id."""
        elements = {"AffectedSOPInstanceUID": made.sop_instance_uid, **self._elements}
        return association.send_request(context, CommandField.C_STORE, elements, made.data)

    def finish(self) -> Status:
        """The final response, which is returned by its status."""
        return self._score.finish(self._request, cancelled=self._cancellation.requested)
