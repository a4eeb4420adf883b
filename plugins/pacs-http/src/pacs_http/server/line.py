"""The socket of a connection, lent to the thread that answers.

By way of the event loop each piece costs two threads a wake-up, and what goes out in chunks a copy
to put it behind the length of its chunk. The thread waits for its client anyway, so it may as well
do so itself.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from pacs_http.problems import ClientGone
from pacs_http.response import Chunk
from pacs_http.server.pieces import PIECE

__all__ = ["Line"]

_MOST_AT_ONCE = 512  # of what one call takes; Linux knows 1024 at most


class Line:
    """A connection without TLS, for one thread; a context manager that lets go.

    handle
        A descriptor of the socket that is nobody else's; it does not block.
    patience
        Seconds that the client may take over a quarter of a megabyte, and may pause in sending.
    """

    def __init__(self, handle: int, *, patience: float) -> None:
        self._socket = socket.socket(fileno=handle)
        self._patience = patience
        self._lock = threading.Lock()
        self._handle = handle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, pieces: Sequence[Chunk]) -> int:
        """Write some pieces, which are not empty, as one chunk (RFC 9112 7.1); their bytes.

        Nothing of them is looked at afterwards. Raises `ClientGone`, also for one that is too slow.
        """
        size = sum(map(len, pieces))
        if len(pieces) > _MOST_AT_ONCE:
            pieces = [b"".join(pieces)]
        self.write([b"%x\r\n" % size, *pieces, b"\r\n"])
        return size

    def write(self, pieces: Sequence[Chunk]) -> None:
        """Write some pieces, fewer than 512, as they are. Raises `ClientGone` (see `send`)."""
        rest = [memoryview(each) for each in pieces]
        sent, due = 0, time.monotonic() + self._patience
        while rest:
            try:
                taken = self._socket.sendmsg(rest)
            except BlockingIOError:
                self._wait(due)
                continue
            except OSError:
                raise ClientGone from None
            sent += taken
            if sent >= PIECE:
                sent, due = 0, time.monotonic() + self._patience
            rest = _behind(taken, rest)

    def _wait(self, due: float) -> None:
        if not self._comes(select.POLLOUT, max(due - time.monotonic(), 0.0)):
            raise ClientGone

    def hears(self, seconds: float) -> bool:
        """Whether something comes in that time, or the end."""
        return self._comes(select.POLLIN, seconds)

    def receive(self, size: int) -> bytes:
        """Up to ``size`` bytes, at least one. Raises `ClientGone`, and TimeoutError."""
        while True:
            try:
                piece = self._socket.recv(size)
            except BlockingIOError:
                if not self._comes(select.POLLIN, self._patience):
                    raise TimeoutError from None
                continue
            except OSError:
                raise ClientGone from None
            if not piece:
                raise ClientGone
            return piece

    def _comes(self, event: int, seconds: float) -> bool:
        """Whether the event comes in time, or the end of the connection."""
        poll = select.poll()
        poll.register(self._handle, event)
        return bool(poll.poll(seconds * 1000))

    def hear_no_more(self) -> None:
        """Who reads finds the end, and may still write. From any thread, at any time."""
        with self._lock, suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def cut(self) -> None:
        """The connection is over: who writes hears of it. From any thread, at any time."""
        with self._lock, suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket; the connection stays as it is."""
        with self._lock:
            self._socket.close()


def _behind(taken: int, pieces: list[memoryview]) -> list[memoryview]:
    """What is left of the pieces behind so many bytes."""
    for place, piece in enumerate(pieces):
        if taken < len(piece):
            return [piece[taken:], *pieces[place + 1 :]]
        taken -= len(piece)
    return []
