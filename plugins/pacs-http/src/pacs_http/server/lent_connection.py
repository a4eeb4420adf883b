"""A connection between two requests, as far as a thread answers them itself."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pacs_http.server.line import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_http.server.protocol import BoundedProtocol

__all__ = ["SOON", "Borrowed", "LentConnection"]

SOON = 0.05
"""Seconds after an answer in which another request is the same client's going on."""


class Borrowed:
    """A connection for one thread, from a request on that it has to answer.

    line
        What is written to and read from; closed by `give_back`.
    longest_head
        Bytes of a head that may be read from it.
    ``give_back`` is called in the event loop, once, when the thread is done.
    """

    def __init__(
        self,
        line: Line,
        longest_head: int,
        is_wanted_back: Callable[[], bool],
        take_back: Callable[[bytes, bool], None],
    ) -> None:
        self.line = line
        self.longest_head = longest_head
        self.is_wanted_back = is_wanted_back
        self._take_back = take_back

    def give_back(self, rest: bytes, *, goes_on: bool) -> None:
        """The event loop goes on with ``rest``, which was read and not answered, or closes it."""
        self.line.close()
        self._take_back(rest, goes_on)


class LentConnection:
    """Lends a connection of whose client more is to come soon, and takes it back."""

    def __init__(self, connection: BoundedProtocol) -> None:
        self._connection = connection
        self._borrowed: Borrowed | None = None
        self._answered = float("-inf")
        self._is_between = False  # nothing of another request has come

    def begun(self) -> None:
        """A request begins."""
        self._is_between = False

    def ended(self) -> None:
        """A request has come to its end."""
        self._is_between = True

    def answered(self) -> None:
        """An answer is whole."""
        self._answered = self._connection.loop.time()

    @property
    def is_likely(self) -> bool:
        """Whether the client asks for one thing after the other."""
        return self._connection.loop.time() - self._answered < SOON

    def lend(self, patience: float) -> Borrowed | None:
        """The connection, with a request that nobody has begun to answer; None where it cannot be
        had. Until it is given back, nothing is read or written here.
        """
        connection = self._connection
        if (
            not self._is_between
            or connection.pipeline
            or not connection.cycle.keep_alive
            or connection.transport.is_closing()
            or connection.transport.get_write_buffer_size()
        ):
            return None
        with suppress(OSError):  # there are no descriptors left
            handle = os.dup(connection.transport.get_extra_info("socket").fileno())
            connection.flow.pause_reading()
            self._borrowed = Borrowed(
                Line(handle, patience=patience),
                connection.longest_head,
                self._is_wanted_back,
                self._back,
            )
            return self._borrowed
        return None

    def want_back(self) -> None:
        """The archive stops: the thread answers what it has, and hears nothing more."""
        if self._borrowed is not None:
            self._borrowed.line.hear_no_more()

    def cut(self) -> None:
        """The connection is over: the thread hears of it."""
        if self._borrowed is not None:
            self._borrowed.line.cut()

    def _is_wanted_back(self) -> bool:
        """Whether the archive stops. From the thread."""
        return not self._connection.cycle.keep_alive

    def _back(self, rest: bytes, goes_on: bool) -> None:
        self._borrowed = None
        connection = self._connection
        cycle = connection.cycle
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if connection.transport.is_closing():
            return
        if not goes_on or not cycle.keep_alive:
            connection.transport.close()
        connection.on_response_complete()
        if rest:
            connection.data_received(rest)
