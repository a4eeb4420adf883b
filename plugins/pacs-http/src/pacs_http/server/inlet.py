"""The socket of a connection, lent to the thread that reads a long body of known length.

By way of the event loop each piece is copied by the loop's library, by the parser and into the
thread's hands, and costs two threads a wake-up. The parser has nothing to find in such a body, and
the thread waits for its client anyway.
"""

from __future__ import annotations

from collections.abc import Callable

from pacs_http.problems import ClientGone
from pacs_http.server.line import Line

__all__ = ["Inlet"]


class Inlet:
    """What is ``left`` of a body, to be read by one thread from ``line``.

    ``take_back`` is called in the event loop, once, when the thread reads no more.
    """

    def __init__(self, line: Line, left: int, take_back: Callable[[Inlet], None]) -> None:
        self.left = left
        self.is_gone = False
        self._line = line
        self._take_back: Callable[[Inlet], None] | None = take_back

    # --- in the thread of the handler -----------------------------------------------------------

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes of the body, at least one; nothing behind its end.

        Raises `ClientGone`, and TimeoutError where nothing came for as long as the line waits.
        """
        if not self.left:
            return b""
        try:
            piece = self._line.receive(min(size, self.left))
        except ClientGone:
            self.is_gone = True
            raise
        self.left -= len(piece)
        return piece

    def close(self) -> None:
        """Let go of the socket; the connection stays as it is. Harmless when called again."""
        self._line.close()

    # --- in the event loop ----------------------------------------------------------------------

    def cut(self) -> None:
        """The connection is over: who reads hears of it."""
        self._line.cut()

    def give_back(self) -> None:
        """The thread reads no more: the event loop goes on behind what it has read."""
        take_back, self._take_back = self._take_back, None
        if take_back is not None:
            take_back(self)
