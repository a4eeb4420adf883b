"""Messages between the archive and a process of a plugin's own: a length, then so many bytes."""

from __future__ import annotations

import socket
import struct
from time import monotonic

__all__ = ["Pipe"]

_LENGTH = struct.Struct("!I")
_LONGEST = 16 << 20


class Pipe:
    """One end of a pair of sockets. Raises OSError when the other end is gone."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: bytes) -> None:
        """Send one message."""
        self._end.settimeout(None)
        self._end.sendall(_LENGTH.pack(len(message)) + message)

    def receive(self, seconds: float = 0.0) -> bytes:
        """The next message; raises TimeoutError when it is not there in time, 0 waits for ever."""
        deadline = monotonic() + seconds if seconds else None
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline))
        if length > _LONGEST:
            raise ConnectionError(f"a message of {length} bytes")
        return self._exactly(length, deadline)

    def close(self) -> None:
        """Give the socket back; the other end learns of it."""
        self._end.close()

    def _exactly(self, size: int, deadline: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._end.settimeout(None if deadline is None else _left(deadline))
            part = self._end.recv(size - len(parts))
            if not part:
                raise ConnectionResetError("the other process has gone")
            parts += part
        return bytes(parts)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left
