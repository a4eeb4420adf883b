"""The bodies of one connection, as far as threads read them themselves."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pacs_http.server.inlet import Inlet
from pacs_http.server.line import Line

if TYPE_CHECKING:
    from pacs_http.server.protocol import BoundedProtocol

__all__ = ["LentBody"]

_LONG = 1 << 18  # bytes; less is here before a thread has taken it over


class LentBody:
    """Counts what has come of a body, lends the rest, and goes on behind what was read of it."""

    def __init__(self, connection: BoundedProtocol) -> None:
        self._connection = connection
        self._inlet: Inlet | None = None
        self._left = 0  # of the length that the head has told
        self.passed_by = 0  # bytes of it that come without the parser

    def begin(self, headers: list[tuple[bytes, bytes]]) -> None:
        """A head is complete; the parser has seen to it that a length is one."""
        named = dict(headers)
        chunked = b"transfer-encoding" in named
        self._left = 0 if chunked else int(named.get(b"content-length", b"0"))

    def came(self, size: int) -> None:
        """So much has come by the event loop."""
        self._left -= size

    def lend(self, patience: float) -> Inlet | None:
        """What is left, for a thread; until it gives that back, nothing is read here."""
        connection = self._connection
        if self._left < _LONG or connection.cycle.body or connection.transport.is_closing():
            return None
        with suppress(OSError):  # there are no descriptors left
            handle = os.dup(connection.transport.get_extra_info("socket").fileno())
            connection.flow.pause_reading()
            self._inlet = Inlet(Line(handle, patience=patience), self._left, self._take_back)
            return self._inlet
        return None

    def cut(self) -> None:
        """The connection is over: the thread that reads hears of it."""
        if self._inlet is not None:
            self._inlet.cut()

    def pass_by(self, data: bytes) -> bytes:
        """Take what is left of a body that a thread did not read to its end; what is behind it."""
        body, rest = data[: self.passed_by], data[self.passed_by :]
        self.passed_by -= len(body)
        self._connection.on_body(body)
        if not self.passed_by:
            self._connection.on_message_complete()
        return rest

    def _take_back(self, inlet: Inlet) -> None:
        """Go on behind what the thread has read; a new parser, as the old one waits for that."""
        self._inlet = None
        connection = self._connection
        if connection.transport.is_closing():
            return
        if inlet.is_gone:
            connection.cycle.disconnected = True
            connection.cycle.message_event.set()
            connection.transport.close()
            return
        connection.begin_to_parse()
        self._left = self.passed_by = inlet.left
        if not inlet.left:
            connection.on_message_complete()
