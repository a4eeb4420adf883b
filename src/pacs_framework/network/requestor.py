"""Opens associations to other AEs (PS3.8 section 7.1, requestor)."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Mapping, Sequence

import structlog

from pacs_framework.network.associate import AssociateAnswer
from pacs_framework.network.associate_writer import encode_request
from pacs_framework.network.association import Association, new_association_id, outgoing_calls
from pacs_framework.network.decisions import ProposedContext, UserIdentity
from pacs_framework.network.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    ConnectionFailed,
)
from pacs_framework.network.events import (
    AbortIndicated,
    AssociateConfirmed,
    AssociateRefused,
    ProviderAborted,
)
from pacs_framework.network.limits import Limits
from pacs_framework.network.negotiation import Agreement, accepted_by_peer
from pacs_framework.network.router import Router
from pacs_framework.network.service import Peer
from pacs_framework.network.titles import is_ae_title
from pacs_framework.network.tls import subject_of
from pacs_framework.network.transport import transport_for
from pacs_framework.network.upper_layer import UpperLayer
from pacs_framework.network.wire import Wire

__all__ = ["connect"]

_MOST_CONTEXTS = 128
_DEFAULTS = Limits()


class _Dialling:
    """A connection attempt that the end of the surrounding association breaks off."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def break_off(self) -> None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _dialled(host: str, port: int, tls: ssl.SSLContext | None, timeout: float) -> socket.socket:
    """The first address of ``host`` that answers. Raises OSError."""
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            return _connected(sock, address, host, tls, timeout)
        except OSError as error:
            failure = error
            sock.close()
    raise failure or OSError(f"no address for {host!r}")


def _connected(
    sock: socket.socket, address: object, host: str, tls: ssl.SSLContext | None, timeout: float
) -> socket.socket:
    sock.settimeout(timeout)
    parent, attempt = outgoing_calls.get(), _Dialling(sock)
    if parent is not None:
        parent.adopt(attempt)
    try:
        sock.connect(address)  # type: ignore[arg-type]
        return sock if tls is None else tls.wrap_socket(sock, server_hostname=host)
    finally:
        if parent is not None:
            parent.disown(attempt)


def _check(calling_aet: str, called_aet: str, contexts: Sequence[ProposedContext]) -> None:
    for title in (calling_aet, called_aet):
        if not is_ae_title(title):
            raise ValueError(f"AE title {title!r}: needs 1 to 16 printable characters")
    ids = {context.context_id for context in contexts}
    odd = all(context_id % 2 == 1 and 0 < context_id < 256 for context_id in ids)
    if not 1 <= len(contexts) <= _MOST_CONTEXTS or len(ids) != len(contexts) or not odd:
        raise ValueError(
            f"{len(contexts)} presentation contexts: needs 1 to {_MOST_CONTEXTS} with different "
            "odd ids from 1 to 255"
        )
    if not all(context.transfer_syntaxes for context in contexts):
        raise ValueError("every presentation context needs a transfer syntax")


def connect(
    host: str,
    port: int,
    *,
    calling_aet: str,
    called_aet: str,
    contexts: Sequence[ProposedContext],
    settings: Limits = _DEFAULTS,
    tls: ssl.SSLContext | None = None,
    extended_negotiation: Mapping[str, bytes] | None = None,
    user_identity: UserIdentity | None = None,
    services: Router | None = None,
) -> Association:
    """Open an association; use it as a context manager, which releases or aborts it.

    extended_negotiation
        Service-class-application-information by abstract syntax (PS3.7 D.3.3.5).
    services
        Answer requests of the peer on contexts where we are SCP (C-GET's C-STORE).

    Called from a service, the association ends together with the one being served.
    Raises ConnectionFailed, AssociationRejected, AssociationAborted; ValueError for arguments that
    cannot be encoded.
    """
    _check(calling_aet, called_aet, contexts)
    association_id = new_association_id()
    log = structlog.get_logger(__name__).bind(
        association_id=association_id, address=host, port=port, called_aet=called_aet
    )
    request = encode_request(
        calling_aet=calling_aet,
        called_aet=called_aet,
        contexts=tuple(contexts),
        max_pdu=settings.max_pdu,
        extended=extended_negotiation or {},
        user_identity=user_identity,
    )
    try:
        sock = _dialled(host, port, tls, settings.artim_timeout)
    except OSError as error:
        log.warning("connection failed", cause=str(error))
        raise ConnectionFailed(f"cannot connect to {host!r} port {port}: {error}") from error
    peer = Peer(
        calling_aet=calling_aet,
        called_aet=called_aet,
        address=host,
        port=port,
        tls_subject=subject_of(sock),
        user_identity=user_identity,
    )
    wire = _wire(sock, settings)
    try:
        answer = _associate(wire, request)
        accepted = accepted_by_peer(contexts, answer)
        association = Association(
            wire,
            association_id=association_id,
            peer=peer,
            is_requestor=True,
            agreement=Agreement(accepted, answer.extended),
            peer_max_pdu=answer.max_pdu,
            implementation=answer.implementation,
            user_identity_response=answer.user_identity_response,
            services=services,
            log=log,
        )
    except AssociationError as error:
        wire.abort()
        log.warning("association failed", cause=str(error))
        raise
    except BaseException:
        wire.abort()
        raise
    log.info("association established", contexts=len(accepted), proposed=len(contexts))
    return association


def _wire(sock: socket.socket, limits: Limits) -> Wire:
    transport = transport_for(sock, send_timeout=limits.network_timeout)
    wire = Wire(transport, UpperLayer(is_requestor=True, max_pdu=limits.max_pdu), limits)
    parent = outgoing_calls.get()
    if parent is not None:
        parent.adopt(wire)
    return wire


def _associate(wire: Wire, request: bytes) -> AssociateAnswer:
    """Send the request and wait for the answer. Raises AssociationError."""
    wire.upper.associate()
    wire.upper.transport_open(request)
    wire.settle()
    wire.limit_wait(wire.limits.artim_timeout)
    try:
        event = wire.next_event(busy=False)
    except TimeoutError:
        seconds = wire.limits.artim_timeout
        raise AssociationAborted(f"no answer to the association request in {seconds:g} s") from None
    wire.limit_wait(0)
    match event:
        case AssociateConfirmed(answer=answer):
            return answer
        case AssociateRefused(result=result, source=source, reason=reason):
            raise AssociationRejected(
                f"the peer rejected the association (result {result}, source {source}, "
                f"reason {reason})",
                result=result,
                source=source,
                reason=reason,
            )
        case AbortIndicated(source=source, reason=reason):
            raise AssociationAborted(
                f"the peer aborted (source {source}, reason {reason})",
                source=source,
                reason=reason,
                by_peer=True,
            )
        case ProviderAborted(message=message):
            raise AssociationAborted(f"aborted, because of the peer: {message}")
        case _:
            raise ConnectionFailed("the peer closed the connection without an answer")
