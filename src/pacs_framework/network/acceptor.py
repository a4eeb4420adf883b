"""The acceptor's side of one connection, from the first byte to the last (PS3.8 section 7.1)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from pacs_framework.network.associate import APPLICATION_CONTEXT, AssociateRequest
from pacs_framework.network.associate_writer import encode_accept
from pacs_framework.network.association import Association, new_association_id, outgoing_calls
from pacs_framework.network.decisions import (
    AssociationRequest,
    Narrowing,
    Rejection,
    RejectReason,
    RejectResult,
)
from pacs_framework.network.errors import AssociationError, ProtocolError
from pacs_framework.network.events import (
    AbortIndicated,
    ArtimExpired,
    AssociateIndicated,
    ConnectionClosed,
    ProviderAborted,
    RequestUnacceptable,
)
from pacs_framework.network.limits import Limits
from pacs_framework.network.negotiation import Agreement, Negotiator
from pacs_framework.network.router import Router
from pacs_framework.network.service import Peer
from pacs_framework.network.titles import is_ae_title
from pacs_framework.network.tls import subject_of
from pacs_framework.network.transport import transport_for
from pacs_framework.network.upper_layer import UpperLayer
from pacs_framework.network.wire import Stopped, Wire

__all__ = ["AcceptorRules", "Connection", "Decide", "Registry"]

Decide = Callable[[AssociationRequest], Rejection | Narrowing | None]
"""What ``on_association`` says about a request."""


@dataclass(frozen=True, slots=True)
class AcceptorRules:
    """What all connections of a listener have in common."""

    aet: str
    check_called_aet: bool
    router: Router
    negotiator: Negotiator
    limits: Limits
    decide: Decide
    tls: ssl.SSLContext | None


class Registry(Protocol):
    """Counts connections; the listener is one."""

    def admit(self, connection: Connection) -> bool:
        """Count it as an established association; False when there is no room."""

    def retire(self, connection: Connection) -> None:
        """It is no established association any more, it only waits for the peer to close."""

    def forget(self, connection: Connection) -> None:
        """Its thread ends."""


def _rejected(
    reason: RejectReason, note: str, result: RejectResult = RejectResult.PERMANENT
) -> Rejection:
    return Rejection(reason=reason, result=result, note=note)


class Connection:
    """One accepted connection and its thread."""

    def __init__(
        self, sock: socket.socket, remote: tuple[str, int], rules: AcceptorRules, registry: Registry
    ) -> None:
        self.id = new_association_id()
        self.association: Association | None = None
        self._socket = sock
        self._remote = remote
        self._rules = rules
        self._registry = registry
        self._wire: Wire | None = None
        self._stopping = False
        self._log: FilteringBoundLogger = structlog.get_logger(__name__).bind(
            association_id=self.id, address=remote[0], port=remote[1]
        )
        self.thread = threading.Thread(target=self.run, name=f"association-{self.id}", daemon=True)

    # --- from other threads -----------------------------------------------------------------

    def stop(self) -> None:
        """End at once between messages, else after the present operation."""
        self._stopping = True
        if self._wire is not None:
            self._wire.stop()
        else:
            self._shut()

    def break_off(self) -> None:
        """End at once."""
        self._stopping = True
        if self._wire is not None:
            self._wire.break_off()
        else:
            self._shut()

    def _shut(self) -> None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    # --- its own thread ---------------------------------------------------------------------

    def run(self) -> None:
        """The whole life of the connection."""
        structlog.contextvars.bind_contextvars(association_id=self.id)
        try:
            self._run()
        except Exception:  # noqa: BLE001 - the thread ends here; nobody else would learn of it
            self._log.exception("association failed")
        finally:
            self._registry.forget(self)
            with contextlib.suppress(OSError):
                self._socket.close()

    def _run(self) -> None:
        try:
            self._secure()
        except OSError as error:
            self._log.warning("connection refused: TLS handshake failed", cause=str(error))
            return
        limits = self._rules.limits
        transport = transport_for(self._socket, send_timeout=limits.network_timeout)
        upper = UpperLayer(is_requestor=False, max_pdu=limits.max_pdu)
        wire = self._wire = Wire(transport, upper, limits)
        if self._stopping:
            wire.stop()
        upper.transport_open()
        wire.settle()
        outgoing_calls.set(wire.calls)
        try:
            self._converse(wire)
        finally:
            wire.close()

    def _secure(self) -> None:
        """The TLS handshake, within the time that the ARTIM timer gives."""
        if self._rules.tls is None:
            return
        self._socket.settimeout(self._rules.limits.artim_timeout)
        # Wrapping takes the descriptor away from the plain socket, so the handshake begins only
        # when `stop` can reach it through the new one.
        secured = self._rules.tls.wrap_socket(
            self._socket, server_side=True, do_handshake_on_connect=False
        )
        self._socket = secured
        if self._stopping:
            raise ConnectionAbortedError("this archive stops")
        secured.do_handshake()

    def _converse(self, wire: Wire) -> None:
        try:
            association = self._establish(wire)
            if association is not None:
                association.serve()
        except Stopped:
            wire.abort()
            self._log.info("association aborted: this archive stops")
        except AssociationError as error:
            self._log.warning("association ended", cause=str(error))
        except Exception:
            wire.abort()
            raise
        self._registry.retire(self)
        wire.finish()

    def _establish(self, wire: Wire) -> Association | None:
        match wire.next_event(busy=False):
            case AssociateIndicated(request=request):
                return self._answer(wire, request)
            case RequestUnacceptable(rejection=rejection):
                self._log.warning("association rejected", cause=rejection.note)
            case ProviderAborted(message=message):
                wire.half_close()
                self._log.warning("connection aborted before an association", cause=message)
            case ArtimExpired():
                self._log.warning("connection closed: no association request in time")
            case AbortIndicated() | ConnectionClosed():
                self._log.info("connection closed by the peer before an association")
            case event:
                raise AssertionError(f"{event!r} cannot happen here")
        return None

    def _answer(self, wire: Wire, request: AssociateRequest) -> Association | None:
        # AE titles that are none do not get into the log.
        known = {
            name: title if is_ae_title(title) else "(invalid)"
            for name, title in (
                ("calling_aet", request.calling_aet),
                ("called_aet", request.called_aet),
            )
        }
        self._log = self._log.bind(**known)
        subject = subject_of(self._socket)
        verdict = self._unacceptable(request) or self._judged(request, subject)
        if isinstance(verdict, Agreement) and not self._registry.admit(self):
            verdict = _rejected(
                RejectReason.LOCAL_LIMIT_EXCEEDED,
                f"{self._rules.limits.max_associations} associations are established",
                RejectResult.TRANSIENT,
            )
        if isinstance(verdict, Rejection):
            self._reject(wire, verdict)
            return None
        return self._accept(wire, request, verdict, subject)

    def _unacceptable(self, request: AssociateRequest) -> Rejection | None:
        """What is wrong with the request whatever the plugins say (PS3.8 Table 9-21)."""
        if request.proposal.application_context != APPLICATION_CONTEXT:
            return _rejected(
                RejectReason.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED,
                "the application context is not that of DICOM",
            )
        if not is_ae_title(request.calling_aet):
            return _rejected(
                RejectReason.CALLING_AE_TITLE_NOT_RECOGNIZED, "the calling AE title is invalid"
            )
        wrong = self._rules.check_called_aet and request.called_aet != self._rules.aet
        if wrong or not is_ae_title(request.called_aet):
            return _rejected(
                RejectReason.CALLED_AE_TITLE_NOT_RECOGNIZED,
                f"the called AE title is not {self._rules.aet!r}",
            )
        return None

    def _judged(self, request: AssociateRequest, subject: str) -> Rejection | Agreement:
        """The plugins decide, then the contexts are negotiated; an exception refuses."""
        try:
            verdict = self._rules.decide(
                AssociationRequest(
                    association_id=self.id,
                    calling_aet=request.calling_aet,
                    called_aet=request.called_aet,
                    address=self._remote[0],
                    port=self._remote[1],
                    tls_subject=subject,
                    user_identity=request.user_identity,
                    contexts=request.proposal.contexts,
                )
            )
            if isinstance(verdict, Rejection):
                return verdict
            if verdict is not None:
                self._log.info("presentation contexts narrowed", cause=verdict.note)
            kept = None if verdict is None else verdict.context_ids
            return self._rules.negotiator.negotiate(request, kept)
        except Exception:  # noqa: BLE001 - of a plugin; whatever it is, it refuses
            self._log.exception("association could not be judged")
            return _rejected(
                RejectReason.TEMPORARY_CONGESTION,
                "judging the request failed",
                RejectResult.TRANSIENT,
            )

    def _reject(self, wire: Wire, rejection: Rejection) -> None:
        wire.upper.reject(rejection)
        wire.settle()
        self._log.warning(
            "association rejected",
            result=rejection.result.name,
            source=rejection.reason.source.name,
            reason=rejection.reason.name,
            cause=rejection.note,
        )

    def _accept(
        self, wire: Wire, request: AssociateRequest, agreement: Agreement, subject: str
    ) -> Association:
        proposal = request.proposal
        peer = Peer(
            calling_aet=request.calling_aet,
            called_aet=request.called_aet,
            address=self._remote[0],
            port=self._remote[1],
            tls_subject=subject,
            user_identity=request.user_identity,
        )
        try:
            association = Association(
                wire,
                association_id=self.id,
                peer=peer,
                is_requestor=False,
                agreement=agreement,
                peer_max_pdu=proposal.max_pdu,
                implementation=proposal.implementation,
                common_extended=proposal.common_extended,
                services=self._rules.router,
                log=self._log,
            )
        except ProtocolError as error:
            wire.upper.violation(error)
            wire.settle()
            raise
        # Before the peer can know of it: who counts associations then sees this one.
        self.association = association
        wire.upper.accept(encode_accept(agreement.items, request.titles))
        wire.settle()
        self._log.info(
            "association accepted",
            contexts=len(agreement.contexts),
            implementation=proposal.implementation[1] or proposal.implementation[0],
        )
        return association
