"""Accepts connections, counts them, and stops them all at once."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading

import structlog

from pacs_framework.errors import ConfigurationError
from pacs_framework.network.acceptor import AcceptorRules, Connection, Decide
from pacs_framework.network.association import Association
from pacs_framework.network.limits import Limits
from pacs_framework.network.negotiation import Negotiator
from pacs_framework.network.router import Router
from pacs_framework.network.titles import is_ae_title

__all__ = ["Listener", "listening_socket"]

_BACKLOG = 1024
_LAST_WAIT = 2.0

_log = structlog.get_logger(__name__)


def listening_socket(address: tuple[str, int]) -> socket.socket:
    """A socket that listens on host and port, for a `Listener` or to share between processes.

    Raises ConfigurationError when the address cannot be bound.
    """
    host, port = address
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on host {host!r}, port {port!r}: {error}; choose another port or stop "
            "what listens there"
        ) from error


class Listener:
    """The acceptor of associations on one address.

    address
        Host and port (0: any free one), bound at once; or a listening socket, which may be shared
        with other processes.
    aet, check_called_aet
        Our AE title, and whether an association to another one is rejected: permanent,
        service-user, called AE title not recognized (PS3.8 Table 9-21).
    decide
        Judges each request before it is answered, in the thread of the association.

    Raises ConfigurationError when the address cannot be bound.
    """

    def __init__(
        self,
        *,
        address: tuple[str, int] | socket.socket,
        aet: str,
        router: Router,
        limits: Limits,
        decide: Decide,
        tls: ssl.SSLContext | None = None,
        check_called_aet: bool = False,
    ) -> None:
        if not is_ae_title(aet):
            raise ConfigurationError(f"AE title {aet!r}: needs 1 to 16 printable characters")
        self._limits = limits
        self._rules = AcceptorRules(
            aet=aet.strip(),
            check_called_aet=check_called_aet,
            router=router,
            negotiator=Negotiator(router, max_pdu=limits.max_pdu),
            limits=limits,
            decide=decide,
            tls=tls,
        )
        self._socket = address if isinstance(address, socket.socket) else listening_socket(address)
        # Another process may take the connection that woke us: accept must not wait then.
        self._socket.setblocking(False)
        name = self._socket.getsockname()
        self.address: tuple[str, int] = (name[0], name[1])
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._spare_descriptor = os.open(os.devnull, os.O_RDONLY)
        self._changed = threading.Condition()
        self._half_open: dict[Connection, None] = {}
        self._established: dict[Connection, None] = {}
        self._leaving: set[Connection] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._accept_all, name="listener", daemon=True)

    def start(self) -> None:
        """Start the services, and accept from now on, in a thread of its own.

        Raises what a service does that cannot start.
        """
        try:
            self._rules.router.start()
        except BaseException:
            self.stop(0.0)
            raise
        self._thread.start()
        _log.info("listening", address=self.address[0], port=self.address[1], aet=self._rules.aet)

    @property
    def associations(self) -> tuple[Association, ...]:
        """The established associations."""
        with self._changed:
            live = tuple(self._established)
        return tuple(c.association for c in live if c.association is not None)

    @property
    def connections(self) -> int:
        """All connections that still have a thread, established or not."""
        with self._changed:
            return len(self._all())

    def _all(self) -> list[Connection]:
        return [*self._half_open, *self._established, *self._leaving]

    # --- the registry of connections --------------------------------------------------------

    def _enter(self, connection: Connection) -> None:
        """A new connection; when there are too many half-open ones, the oldest has to go."""
        oldest = None
        with self._changed:
            self._half_open[connection] = None
            if len(self._half_open) > self._limits.max_half_open:
                oldest = next(iter(self._half_open))
                del self._half_open[oldest]
                self._leaving.add(oldest)
        if oldest is not None:
            _log.warning(
                "connection closed: too many without an association",
                association_id=oldest.id,
                limit=self._limits.max_half_open,
            )
            oldest.break_off()

    def admit(self, connection: Connection) -> bool:
        """Count a connection as established; False when there are as many as allowed."""
        with self._changed:
            room = len(self._established) < self._limits.max_associations
            if room and connection in self._half_open:
                del self._half_open[connection]
                self._established[connection] = None
                return True
            return False

    def retire(self, connection: Connection) -> None:
        """It only waits for its peer to close: counted with the half-open ones again."""
        with self._changed:
            if connection in self._established:
                del self._established[connection]
                self._half_open[connection] = None

    def forget(self, connection: Connection) -> None:
        """Its thread ends."""
        with self._changed:
            self._half_open.pop(connection, None)
            self._established.pop(connection, None)
            self._leaving.discard(connection)
            self._changed.notify_all()

    # --- accepting --------------------------------------------------------------------------

    def _accept_all(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._wake_reader, select.POLLIN)
        while not self._stopping:
            poll.poll()
            if not self._stopping:
                self._accept_one()

    def _accept_one(self) -> None:
        try:
            sock, remote = self._socket.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            _log.error("connection refused", cause=str(error))
            self._shed()
            return
        connection = Connection(sock, (remote[0], remote[1]), self._rules, self)
        self._enter(connection)
        try:
            connection.thread.start()
        except RuntimeError as error:
            _log.error("connection refused", cause=str(error))
            self.forget(connection)
            sock.close()

    def _shed(self) -> None:
        """Out of descriptors: take the connection with the spare one and close it, or the wait
        for connections would return at once for ever.
        """
        os.close(self._spare_descriptor)
        with contextlib.suppress(OSError):
            self._socket.accept()[0].close()
        with contextlib.suppress(OSError):
            self._spare_descriptor = os.open(os.devnull, os.O_RDONLY)

    # --- stopping ---------------------------------------------------------------------------

    def stop(self, grace: float = 5.0) -> None:
        """Stop accepting, and end every association.

        Idle ones get A-ABORT (source: service-user, PS3.8 Table 9-26) at once. One in the middle of
        an operation may finish it within ``grace`` seconds and is then broken off.
        """
        if self._stopping:
            return
        self._stopping = True
        self._wake_writer.send(b"\0")
        if self._thread.ident is not None:
            self._thread.join()
        for each in (self._socket, self._wake_reader, self._wake_writer):
            each.close()
        with contextlib.suppress(OSError):
            os.close(self._spare_descriptor)
        with self._changed:
            connections = self._all()
        for connection in connections:
            connection.stop()
        if not self._wait_for_all(grace):
            self._break_off_all()
        self._rules.router.stop()
        _log.info("stopped listening", address=self.address[0], port=self.address[1])

    def _wait_for_all(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._all(), seconds)

    def _break_off_all(self) -> None:
        with self._changed:
            connections = self._all()
        for connection in connections:
            connection.break_off()
        if not self._wait_for_all(_LAST_WAIT):
            with self._changed:
                ids = [connection.id for connection in self._all()]
            _log.error("associations did not end", association_ids=ids)
