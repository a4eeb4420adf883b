"""A TCP connection, plain or TLS, as the blocking driver needs it.

Time-outs are options of the socket, set when they change and not at each call, so a read is one
system call. TCP_QUICKACK is armed anew before each wait for more of what has begun to come: without
it a peer that leaves Nagle's algorithm on waits 40 ms for our acknowledgement between its command
and its data set. A wait after something was sent needs none: that carried the acknowledgement.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import ssl
from collections.abc import Sequence
from struct import Struct

__all__ = ["TlsTransport", "Transport", "transport_for"]

_TIMEVAL = Struct("@ll")
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_MICROSECONDS = 1_000_000
_MILLISECONDS = 1000
_GATHERED = 1024  # parts that every kernel takes at once (IOV_MAX); of more it takes none


def _timeval(seconds: float) -> bytes:
    """A ``struct timeval``; 0 means no time-out, so that a positive time never becomes 0."""
    micros = max(1, int(seconds * _MICROSECONDS)) if seconds else 0
    return _TIMEVAL.pack(*divmod(micros, _MICROSECONDS))


def _rest(parts: Sequence[bytes | memoryview], sent: int) -> list[bytes | memoryview]:
    """What is left of ``parts`` after ``sent`` bytes."""
    left: list[bytes | memoryview] = []
    for part in parts:
        if sent >= len(part):
            sent -= len(part)
        else:
            left.append(memoryview(part)[sent:] if sent else part)
            sent = 0
    return left


class Transport:
    """A plain TCP connection. ``send_timeout`` in seconds without progress, 0 for none.

    One thread sends and receives; `shut_reading`, `shut` may be called from any other.
    """

    def __init__(self, sock: socket.socket, *, send_timeout: float) -> None:
        self._socket = sock
        self._internet = sock.family in _INTERNET
        self._receive_timeout = -1.0
        sock.setblocking(True)
        if self._internet:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._quickack = _QUICKACK if self._internet else None
        self._unacknowledged = False
        self._prepare_sending(send_timeout)

    def _prepare_sending(self, timeout: float) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(timeout))

    def _arm(self, timeout: float) -> None:
        """Before a wait of at most ``timeout`` seconds, 0 for ever."""
        if self._unacknowledged:
            self._acknowledge()
        # Whole milliseconds: what is left of a limit that was just set is the same each time.
        timeout = math.ceil(timeout * _MILLISECONDS) / _MILLISECONDS
        if timeout != self._receive_timeout:
            self._wait_at_most(timeout)
        self._unacknowledged = True

    def _acknowledge(self) -> None:
        """Have the kernel acknowledge now what has been read, and what comes until we send."""
        if self._quickack is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, self._quickack, 1)

    def _wait_at_most(self, timeout: float) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(timeout))
        self._receive_timeout = timeout

    def receive_into(self, buffer: memoryview, timeout: float) -> int:
        """Wait for bytes; their number, 0 when the peer closed. Raises TimeoutError, OSError."""
        self._arm(timeout)
        try:
            return self._socket.recv_into(buffer)
        except BlockingIOError:
            raise TimeoutError(f"nothing arrived for {timeout:g} s") from None

    def rung(self, bell: int, timeout: float) -> bool:
        """Wait for bytes or for the descriptor ``bell``; whether it was the bell that came.

        ``timeout`` in seconds, 0 for ever. Raises TimeoutError.
        """
        if self._buffered():
            return False
        self._arm(timeout)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(bell, select.POLLIN)
        ready = poll.poll(math.ceil(timeout * _MILLISECONDS) if timeout else None)
        if not ready:
            raise TimeoutError(f"nothing arrived for {timeout:g} s")
        return (bell, select.POLLIN) in ready

    def _buffered(self) -> bool:
        """Whether there are bytes that the socket does not know of any more."""
        return False

    def receive_now(self, buffer: memoryview) -> int | None:
        """What has arrived already: number of bytes, 0 when the peer closed, None for nothing."""
        self._unacknowledged = True
        try:
            return self._socket.recv_into(buffer, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def send(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send all parts in order, gathered by the kernel. Raises TimeoutError, OSError."""
        self._unacknowledged = False
        for first in range(0, len(parts), _GATHERED):
            self._send_gathered(parts[first : first + _GATHERED])

    def _send_gathered(self, parts: Sequence[bytes | memoryview]) -> None:
        total = sum(map(len, parts))
        try:
            sent = self._socket.sendmsg(parts)
            while sent < total:
                parts, total = _rest(parts, sent), total - sent
                sent = self._socket.sendmsg(parts)
        except BlockingIOError:
            raise TimeoutError("the peer has stopped reading") from None

    def _shutdown(self, how: int) -> None:
        # Called past SSLSocket.shutdown, which would take the TLS state away from its thread.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, how)

    def shut_reading(self) -> None:
        """Wake a waiting `receive_into` as if the peer had closed; sending goes on."""
        self._shutdown(socket.SHUT_RD)

    def shut_writing(self) -> None:
        """Tell the peer that nothing more comes."""
        self._shutdown(socket.SHUT_WR)

    def shut(self) -> None:
        """Wake whoever waits in either direction; the connection is of no more use."""
        self._shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back."""
        with contextlib.suppress(OSError):
            self._socket.close()


class TlsTransport(Transport):
    """A TLS connection. OpenSSL repeats a read that SO_RCVTIMEO ended, so the time-outs are those
    of Python's socket, and what is sent together is put together first.
    """

    _socket: ssl.SSLSocket

    def _prepare_sending(self, timeout: float) -> None:
        self._send_timeout = timeout

    def _buffered(self) -> bool:
        return self._socket.pending() > 0

    def _wait_at_most(self, timeout: float) -> None:
        self._socket.settimeout(timeout or None)
        self._receive_timeout = timeout

    def receive_into(self, buffer: memoryview, timeout: float) -> int:
        """As for a plain connection; the peer's close_notify counts as closed."""
        self._arm(timeout)
        return self._socket.recv_into(buffer)

    def receive_now(self, buffer: memoryview) -> int | None:
        """As for a plain connection."""
        self._unacknowledged = True
        self._socket.settimeout(0)
        try:
            return self._socket.recv_into(buffer)
        except (ssl.SSLWantReadError, BlockingIOError):
            return None
        finally:
            self._receive_timeout = -1.0

    def send(self, parts: Sequence[bytes | memoryview]) -> None:
        """As for a plain connection."""
        self._unacknowledged = False
        if self._send_timeout != self._receive_timeout:
            self._wait_at_most(self._send_timeout)
        self._socket.sendall(b"".join(parts))

    def shut_writing(self) -> None:
        """Send close_notify, without waiting for the peer's."""
        with contextlib.suppress(OSError, ValueError):
            self._receive_timeout = -1.0
            self._socket.settimeout(0)
            self._socket.unwrap()

    def close(self) -> None:
        """Send close_notify and give the socket back."""
        self.shut_writing()
        super().close()


def transport_for(sock: socket.socket, *, send_timeout: float) -> Transport:
    """The transport for a connected socket; an SSLSocket has its handshake behind it."""
    kind = TlsTransport if isinstance(sock, ssl.SSLSocket) else Transport
    return kind(sock, send_timeout=send_timeout)
