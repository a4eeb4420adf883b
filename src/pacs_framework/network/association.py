"""An association in either role: requests out, responses in, and services for what the peer asks.

One thread uses an association. Its listener, or whoever stops the archive, may end it from another
thread through the wire below.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from pacs_framework.dicom.status import Status
from pacs_framework.errors import PacsError
from pacs_framework.network.associate import CommonExtendedNegotiation
from pacs_framework.network.channel import Channel, PeerReleased
from pacs_framework.network.command_set import DATASET, NO_DATASET, encode_command
from pacs_framework.network.dimse import CommandReceived
from pacs_framework.network.errands import Errands
from pacs_framework.network.errors import (
    AssociationAborted,
    NormalizedFailure,
    ProtocolError,
)
from pacs_framework.network.events import (
    AbortIndicated,
    ConnectionClosed,
    ProviderAborted,
    ReleaseCollided,
    ReleaseConfirmed,
)
from pacs_framework.network.negotiation import Agreement
from pacs_framework.network.request import IncomingRequest, refuse_operation
from pacs_framework.network.router import Router
from pacs_framework.network.service import (
    ASKED_BY_SCP,
    AcceptedContext,
    CommandField,
    DimseService,
    Peer,
)
from pacs_framework.network.state import Event, State
from pacs_framework.network.wire import Calls, Rung, Stopped, Wire

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pacs_framework.network.channel import DataSource

__all__ = ["Association", "Response", "new_association_id", "outgoing_calls"]

_LARGEST_RESPONSE = 64 << 20
_MESSAGE_IDS = 0xFFFF
_FIELDS = {int(field): field for field in CommandField}
_NOBODY = Router()
_T = TypeVar("_T")

outgoing_calls: ContextVar[Calls | None] = ContextVar("outgoing_calls", default=None)
"""Where the associations that this thread opens belong: in the thread of an association they are
stopped with it. A background thread of a service sets `Calls` of its own, to be broken off.
"""


def new_association_id() -> str:
    """Eight characters that tell the associations of one archive apart."""
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Response:
    """A response of the peer: its status, command elements by keyword, and data set."""

    status: int
    command: Mapping[str, object]
    dataset: bytes | None


def _status_of(command: CommandReceived, message_id: int) -> int:
    """The status of the response to ``message_id``. Raises ProtocolError for any other message."""
    answered = command.number("MessageIDBeingRespondedTo")
    if answered != message_id:
        raise ProtocolError(f"a response to message {answered}, due is {message_id}")
    return command.number("Status")


class Association:
    """An established association; a context manager that releases, or aborts on an exception.

    ``id`` is on every log line. ``contexts`` are the accepted presentation contexts by id,
    ``peer_max_pdu`` is what the peer announced (PS3.8 D.1, 0: unlimited), ``extended_negotiation``
    what was agreed by abstract syntax (PS3.7 D.3.3.5), and ``implementation`` the peer's
    Implementation Class UID and Version Name (PS3.7 D.3.3.2).
    """

    def __init__(
        self,
        wire: Wire,
        *,
        association_id: str,
        peer: Peer,
        is_requestor: bool,
        agreement: Agreement,
        peer_max_pdu: int,
        implementation: tuple[str, str] = ("", ""),
        common_extended: Mapping[str, CommonExtendedNegotiation] | None = None,
        user_identity_response: bytes | None = None,
        services: Router | None = None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self.id = association_id
        self.peer = peer
        self.is_requestor = is_requestor
        self.contexts: Mapping[int, AcceptedContext] = agreement.contexts
        self.peer_max_pdu = peer_max_pdu
        self.extended_negotiation: Mapping[str, bytes] = agreement.extended
        self.common_extended = common_extended or {}
        self.implementation = implementation
        self.user_identity_response = user_identity_response
        self._wire = wire
        self._channel = Channel(wire, peer_max_pdu=peer_max_pdu)
        self._services = services or _NOBODY
        self._routes: dict[tuple[int, int], DimseService | None] = {}
        self._log = log or structlog.get_logger(__name__)
        self._message_id = 0
        self._serving: IncomingRequest | None = None
        self._errands: Errands | None = None

    # --- contexts ---------------------------------------------------------------------------

    def context_for(
        self, abstract_syntax: str, transfer_syntax: str | None = None, *, scu: bool = True
    ) -> AcceptedContext | None:
        """An accepted context on which we are SCU (SCP when ``scu`` is false), or None."""
        for context in self.contexts.values():
            plays = context.scu if scu else context.scp
            fits = transfer_syntax in (None, context.transfer_syntax)
            if plays and fits and context.abstract_syntax == abstract_syntax:
                return context
        return None

    @property
    def is_established(self) -> bool:
        """Whether messages can be sent."""
        return not self._wire.closed and self._wire.upper.can(Event.DATA_REQUEST)

    # --- as SCU -----------------------------------------------------------------------------

    def send_request(
        self,
        context: AcceptedContext,
        field: CommandField,
        elements: Mapping[str, object],
        data: DataSource | bytes | None = None,
    ) -> int:
        """Send a request with the next message id, which is returned (PS3.7 section 9.3).

        ``elements`` are command elements by keyword; the SOP class is that of the context unless
        given. ``data`` is the data set, encoded in the transfer syntax of the context; it is read
        as it is sent and not closed. Raises AssociationError when the association is over; an
        exception of ``data`` aborts the association unless nothing was sent yet.
        """
        self._message_id = self._message_id % _MESSAGE_IDS + 1
        command: dict[str, object] = {
            "CommandField": field,
            "MessageID": self._message_id,
            "CommandDataSetType": NO_DATASET if data is None else DATASET,
            **elements,
        }
        if "RequestedSOPClassUID" not in command:
            command.setdefault("AffectedSOPClassUID", context.abstract_syntax)
        encoded = encode_command(command)
        if data is None or isinstance(data, bytes):
            self._channel.send(context.context_id, encoded, data)
        else:
            self._channel.send_stream(context.context_id, encoded, data)
        return self._message_id

    def receive_response(self, message_id: int) -> Response:
        """Wait for the next response to ``message_id``.

        Requests of the peer that come in between go to our services (C-GET, N-EVENT-REPORT), its
        C-CANCEL to `Request.cancelled`. Raises AssociationError when the association ends.
        """
        while True:
            command = self._channel.next_command()
            if command.is_response:
                return self._response(command, message_id)
            self._take_request(command)

    def _response(self, command: CommandReceived, message_id: int) -> Response:
        try:
            status = _status_of(command, message_id)
        except ProtocolError as error:
            self._channel.refuse(error)
        dataset = None
        if self._channel.dataset_due:
            dataset = self._channel.collect_dataset(_LARGEST_RESPONSE)
        return Response(status, command.elements, dataset)

    def cancel(self, context: AcceptedContext, message_id: int) -> None:
        """Send C-CANCEL for a request of ours; its final response still comes (PS3.7 9.3.2.3)."""
        command = {
            "CommandField": CommandField.C_CANCEL,
            "MessageIDBeingRespondedTo": message_id,
            "CommandDataSetType": NO_DATASET,
        }
        self._channel.send(context.context_id, encode_command(command), None)

    def limit_wait(self, seconds: float) -> None:
        """Abort the association when what it waits for is not over ``seconds`` from now; 0 returns
        to the time-outs of its `Limits`.
        """
        self._wire.limit_wait(seconds)

    def await_requests(self, seconds: float, enough: Callable[[], bool], *, bell: int = -1) -> bool:
        """Answer what the peer asks by itself (N-EVENT-REPORT) until ``enough`` says so; False when
        ``seconds`` are over first, or the peer released the association. ``enough`` is asked
        after each request, and when the descriptor ``bell`` can be read; the caller empties it.

        Raises AssociationError when it ends otherwise.
        """
        self._wire.bell = bell
        try:
            return self._served_until(enough, time.monotonic() + seconds)
        finally:
            self._wire.bell = -1

    def _served_until(self, enough: Callable[[], bool], deadline: float) -> bool:
        while not enough():
            left = deadline - time.monotonic()
            try:
                command = self._channel.command_within(left) if left > 0 else None
            except Rung:
                continue
            except PeerReleased:
                self._released()
                return False
            if command is None:
                return False
            self._take_request(command)
        return True

    # --- as SCP -----------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer the peer's requests until it releases; the connection is then the peer's to close.

        Raises AssociationError for every other end.
        """
        next_command, take_request = self._channel.next_command, self._take_request
        try:
            while True:
                try:
                    while True:
                        take_request(next_command())
                except Rung:
                    self._run_errands()
        except PeerReleased:
            self._released()
        finally:
            self._end_errands()

    def _released(self) -> None:
        self._wire.upper.answer_release()
        self._wire.settle()
        self._log.info("association released by the peer")

    # --- what other threads want ------------------------------------------------------------

    def take_errands(self) -> None:
        """Let other threads `post` from now on; for a service, while it serves a request."""
        if self._serving is None or self.is_requestor:
            raise RuntimeError("errands are for an association whose requests are being served")
        if self._errands is None:
            self._errands = Errands()
            self._wire.bell = self._errands.bell

    def post(self, errand: Callable[[Association], _T]) -> Future[_T]:
        """Have ``errand`` run by the thread of this association, when no request is under way.

        Called from any thread, after `take_errands`; for requests of ours that nobody asked for,
        such as N-EVENT-REPORT. The future has what it returns or raises, or AssociationError when
        the association was over before.
        """
        if self._errands is None:
            raise RuntimeError("this association takes no errands, see take_errands")
        return self._errands.post(partial(errand, self))

    def _run_errands(self) -> None:
        assert self._errands is not None
        self._wire.in_operation = True
        try:
            self._errands.run()
        finally:
            self._wire.in_operation = False

    def _end_errands(self) -> None:
        if self._errands is not None:
            self._wire.bell = -1
            self._errands.close()

    def _take_request(self, command: CommandReceived) -> None:
        try:
            self._dispatch(command, self._expected_on(command))
        except ProtocolError as error:
            self._channel.refuse(error)

    def _expected_on(self, command: CommandReceived) -> AcceptedContext:
        """The context of a request that may come now. Raises ProtocolError."""
        if self._serving is not None and not self._serving.answered:
            raise ProtocolError(
                f"{command.name} before the last request was answered; asynchronous operations "
                "were not agreed"
            )
        if command.is_response:
            raise ProtocolError(f"{command.name} without a request")
        context = self.contexts.get(command.context_id)
        if context is None:
            raise ProtocolError(
                f"{command.name} on presentation context {command.context_id}, which was not "
                "accepted"
            )
        return context

    def _dispatch(self, command: CommandReceived, context: AcceptedContext) -> None:
        field = _FIELDS.get(command.field)
        service = self._route(context, field)
        if field is None or service is None:
            self._log.warning(
                "operation refused: no service answers it here",
                operation=command.name,
                abstract_syntax=context.abstract_syntax,
            )
            refuse_operation(self._channel, command)
            return
        request = IncomingRequest(
            association=self,
            channel=self._channel,
            context=context,
            command=command,
            field=field,
        )
        self._channel.forget_cancel(request.message_id)
        # Not None where it comes while one of ours waits for its response, after the last answer.
        outer = self._serving, self._wire.in_operation
        self._serving, self._wire.in_operation = request, True
        try:
            self._serve(service, request)
        finally:
            self._serving, self._wire.in_operation = outer

    def _route(self, context: AcceptedContext, field: CommandField | None) -> DimseService | None:
        if field is None or not (context.scu if field in ASKED_BY_SCP else context.scp):
            return None
        key = (context.context_id, field)
        if key not in self._routes:
            self._routes[key] = self._services.service_for(context.abstract_syntax, field)
        return self._routes[key]

    def _serve(self, service: DimseService, request: IncomingRequest) -> None:
        try:
            service.serve(request)
        except PacsError as error:
            if isinstance(error, Stopped) or not self.is_established:
                raise
            self._log.warning(
                "request failed",
                service=service.name,
                operation=request.field.name,
                status=f"{error.status:#06x}",
                error=str(error),
            )
            elements = error.elements if isinstance(error, NormalizedFailure) else None
            request.fail(error.status, str(error), elements)
        except Exception:  # noqa: BLE001 - of a plugin; whatever it is, the peer gets an answer
            self._log.exception(
                "service raised", service=service.name, operation=request.field.name
            )
            request.fail(Status.PROCESSING_FAILURE)
        if not request.answered:
            self._log.error(
                "service gave no final response", service=service.name, operation=request.field.name
            )
            request.fail(Status.PROCESSING_FAILURE)
        if self._channel.dataset_due:
            self._channel.read_dataset(None)

    # --- the end ----------------------------------------------------------------------------

    def release(self) -> None:
        """Release in order (PS3.8 section 7.2) and close; harmless when it is over already.

        Raises AssociationError when the peer does not play along; the connection is closed then.
        """
        if self._wire.closed:
            return
        if not self._wire.upper.can(Event.RELEASE_REQUEST):
            self.abort()
            return
        try:
            self._wire.upper.release()
            self._wire.settle()
            self._await_release()
            self._log.info("association released")
        finally:
            self._wire.close()

    def _await_release(self) -> None:
        """Until the confirmation; a collision is resolved as PS3.8 section 9.2.3 says."""
        upper = self._wire.upper
        self._wire.limit_wait(self._wire.limits.artim_timeout)
        while True:
            try:
                event = self._wire.next_event(busy=False)
            except TimeoutError:
                self._wire.abort()
                raise AssociationAborted("the peer did not answer the release request") from None
            match event:
                case ReleaseCollided():
                    if upper.state is State.COLLISION_REQUESTOR_RESPONSE:
                        upper.answer_release()
                        self._wire.settle()
                case ReleaseConfirmed():
                    if upper.state is State.COLLISION_ACCEPTOR_RESPONSE:
                        upper.answer_release()
                        self._wire.settle()
                        self._wire.finish()
                    return
                case AbortIndicated() | ProviderAborted() | ConnectionClosed():
                    raise AssociationAborted(f"{type(event).__name__} instead of a release")
                case _:
                    pass  # data that was on its way, AR-6

    def abort(self) -> None:
        """Send A-ABORT as service user and close at once; harmless when it is over already."""
        if not self._wire.closed:
            self._wire.abort()
            self._log.warning("association aborted by this side")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.release()
        else:
            self.abort()
