"""An answer, from the thread of the handler to its client.

A short one, and its head, go by the event loop; a long body too, two pieces at a time, unless the
connection can be lent to the thread (`pacs_http.server.line`).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacs_http.problems import ClientGone
from pacs_http.response import Chunk
from pacs_http.server.pieces import PIECE, cut, joined
from pacs_http.server.sending import Head, Sending

if TYPE_CHECKING:
    from starlette.types import Send

    from pacs_http.server.incoming import IncomingBody
    from pacs_http.server.line import Line

__all__ = ["LINE", "Lend", "Outgoing"]

LINE = "pacs.line"
"""The extension of ASGI by which our own server lends the line: its ``lend`` is a `Lend`, its
``lend_inlet`` a `pacs_http.server.incoming.LendInlet`, and its ``lend_connection`` is
`LentConnection.lend`, where the client is likely to go on.
"""

Lend = Callable[[float], Awaitable["Line | None"]]
"""Gives the connection, when all that was sent is on its way, to be written to by a thread; None
where it cannot be had. It is told how many seconds a client may take over a quarter of a megabyte.
"""

_IN_FLIGHT = 2


@dataclass(frozen=True, slots=True)
class _Whole:
    """An answer that is there already."""

    head: Head
    body: Chunk


@dataclass(frozen=True, slots=True)
class _HeadOfLine:
    """A head whose body the thread will write itself, if it is lent the line."""

    head: Head


@dataclass(frozen=True, slots=True)
class _End:
    """There is nothing behind it. ``whole`` is false where the answer must be cut."""

    whole: bool


_Last = _Whole | _End
_Item = Head | Chunk | _HeadOfLine | _Last


class Outgoing(Sending):
    """A pipe with room for two chunks; the thread waits while they are on their way.

    The last of it is told when the thread is done (`finish`), so the event loop is woken once for
    an answer that is there already, and what was delivered needs no thread any more.

    patience
        Seconds that the client may take over a quarter of a megabyte.
    lend
        Lends the line, where the server can.
    """

    def __init__(self, *, patience: float, lend: Lend | None = None) -> None:
        super().__init__()
        self._patience = patience
        self._lend = lend
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(_IN_FLIGHT)
        self._items: deque[_Item] = deque()
        self._lines: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._arrived = asyncio.Event()
        self._last: _Last | None = None
        self._is_gone = False

    # --- in the thread of the handler -----------------------------------------------------------

    def _put_measured(self, head: Head, pieces: Iterable[Chunk]) -> None:
        self._put(head)
        for piece in pieces:
            self._put(piece)
        self._last = _End(whole=True)

    def _put_chunks(self, head: Head, groups: Iterable[list[Chunk]]) -> None:
        if self._lend is None:
            self._put(head)
        elif (line := self._borrow(head)) is not None:
            self._write(line, groups)
            return
        for group in groups:
            self._put(joined(group))
        self._last = _End(whole=True)

    def _borrow(self, head: Head) -> Line | None:
        """Have a head sent, and take the line for what follows it."""
        self._check()
        self.started = True
        self._hand_over(_HeadOfLine(head))
        line = self._lines.get()
        try:
            self._check()
        except ClientGone:
            if line is not None:
                line.close()
            raise
        return line

    def _write(self, line: Line, groups: Iterable[list[Chunk]]) -> None:
        with line:
            for group in groups:
                self._check()
                self.bytes_sent += line.send(group)
        self._last = _End(whole=True)

    def abort(self) -> None:
        """Cut the connection, unless the answer was whole before."""
        self._last = self._last or _End(whole=False)

    def finish(self) -> None:
        """The thread is done: what is there is all. Called once, whatever has happened."""
        self._hand_over(self._last or _End(whole=False))

    def _check(self) -> None:
        """Raise `ClientGone` where nobody is there to read."""
        if self._is_gone:
            raise ClientGone

    def _put_whole(self, head: Head, body: Chunk) -> None:
        self._check()
        self.started = True
        self._last = _Whole(head, body)

    def _put(self, item: Head | Chunk) -> None:
        self._room.acquire()
        self._check()
        self.started = True
        self._hand_over(item)

    def _hand_over(self, item: _Item) -> None:
        self._loop.call_soon_threadsafe(self._arrive, item)

    # --- in the event loop ----------------------------------------------------------------------

    def _arrive(self, item: _Item) -> None:
        self._items.append(item)
        self._arrived.set()

    def gone(self) -> None:
        """Nobody is there to read: the thread hears of it at its next chunk."""
        self._is_gone = True
        self._room.release(_IN_FLIGHT)
        self._lines.put(None)

    async def deliver(self, send: Send, request: IncomingBody) -> bool:
        """Pass everything on to ``send``; whether it was a whole answer.

        What is left of the ``request`` is seen to when all but the end was sent.
        """
        while True:
            while not self._items:
                self._arrived.clear()
                await self._arrived.wait()
            match self._items.popleft():
                case _Whole(head, body):
                    return await self._pass_on_whole(send, head, body, request)
                case _End(whole):
                    return whole and await self._end(send, request)
                case _HeadOfLine(head):
                    await self._pass_on(send, head)
                    await self._lend_line()
                case item:
                    if not self._is_gone:
                        await self._pass_on(send, item)
                    self._room.release()

    async def _pass_on_whole(
        self, send: Send, head: Head, body: Chunk, request: IncomingBody
    ) -> bool:
        if len(body) <= PIECE and request.is_over:
            await self._timed(send, _start(head), _piece(body, more=False))
            self.status, self.bytes_sent = head.status, len(body)
            return not self._is_gone
        await self._pass_on(send, head)
        await self._pass_on(send, body)
        return await self._end(send, request)

    async def _lend_line(self) -> None:
        """Nothing is sent here until the thread has told that it is done."""
        assert self._lend is not None
        line = None if self._is_gone else await self._lend(self._patience)
        if not self._is_gone:
            self._lines.put(line)
        elif line is not None:
            line.close()

    async def _end(self, send: Send, request: IncomingBody) -> bool:
        if not self._is_gone:
            await request.leave()
            await self._timed(send, _piece(b"", more=False))
        return not self._is_gone

    async def _pass_on(self, send: Send, item: Head | Chunk) -> None:
        if isinstance(item, Head):
            self.status = item.status
            await self._timed(send, _start(item))
            return
        for piece in cut(item):
            if self._is_gone:
                return
            await self._timed(send, _piece(piece, more=True))
            self.bytes_sent += len(piece)

    async def _timed(self, send: Send, *messages: dict[str, Any]) -> None:
        if self._is_gone:
            return
        try:
            async with asyncio.timeout(self._patience):
                for message in messages:
                    await send(message)
        except TimeoutError:
            self.gone()


def _start(head: Head) -> dict[str, Any]:
    return {"type": "http.response.start", "status": head.status, "headers": head.headers}


def _piece(body: Chunk, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}
