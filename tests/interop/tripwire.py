"""A peer's connection that ends in a kill: in the middle of its request, or before its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Self

__all__ = ["Moment", "Tripwire"]

_DATA = (b"\x04", b"\x0b")  # how P-DATA-TF and a message in MLLP begin; associating is before it


class Moment(Enum):
    """When the archive dies."""

    REQUEST = "its first bytes are with the archive"
    ANSWER = "the answer was sent, and does not arrive"


class Tripwire:
    """Passes one connection on to ``port``; at its ``moment`` it calls ``trip``, and ends it."""

    def __init__(self, port: int, moment: Moment, trip: Callable[[], None]) -> None:
        self._target = port
        self._moment = moment
        self._trip = trip
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.tripped = False
        """Whether the moment came; known when the block has ended."""
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        try:
            peer, _ = self._socket.accept()
        except OSError:  # nobody came
            return
        with peer, socket.create_connection(("127.0.0.1", self._target)) as archive:
            back = threading.Thread(target=self._pass_on, args=(archive, peer, Moment.ANSWER))
            back.start()
            self._pass_on(peer, archive, Moment.REQUEST)
            back.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket, moment: Moment) -> None:
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                is_data = chunk[:1] in _DATA
                if moment is Moment.REQUEST or not is_data:  # no answer passes at either moment
                    sink.sendall(chunk)
                if is_data and moment is self._moment:
                    self.tripped = True
                    self._trip()
                    break
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
