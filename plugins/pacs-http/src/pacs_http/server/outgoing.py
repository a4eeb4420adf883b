"""An answer, from the thread of the handler to the event loop: two chunks at a time."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacs_http.problems import ClientGone
from pacs_http.response import Chunk, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Head", "Outgoing"]

_SMALL = 1 << 16
_PIECE = 1 << 18
_IN_FLIGHT = 2
_LENGTH = b"content-length"

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Head:
    """What goes in front of a body."""

    status: int
    headers: Headers


class _End:
    """There is nothing behind it. ``whole`` is false where the answer must be cut."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole


class Outgoing:
    """A pipe with room for two chunks; the thread waits while they are on their way.

    patience
        Seconds that the client may take over a quarter of a megabyte.
    """

    def __init__(self, *, patience: float) -> None:
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(_IN_FLIGHT)
        self._items: deque[Head | Chunk | _End] = deque()
        self._arrived = asyncio.Event()
        self._is_gone = False
        self.started = False
        self.bytes_sent = 0
        self.status = 0

    # --- in the thread of the handler -----------------------------------------------------------

    def send(self, response: Response, headers: Headers, *, bodiless: bool) -> None:
        """Send all of it. Raises `ClientGone`, and whatever its body does.

        After something was sent, an exception means that the answer is cut (`abort`).
        """
        body = response.body
        if isinstance(body, bytes | bytearray | memoryview):
            self._put_whole(Head(response.status, headers), b"" if bodiless else body)
            return
        try:
            if bodiless:
                self._put_whole(Head(response.status, headers), b"")
            else:
                self._send_pieces(response, headers, body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _send_pieces(self, response: Response, headers: Headers, body: Iterable[Chunk]) -> None:
        """What it raises before the first chunk is raised before anything was sent."""
        left = response.length
        chunks = joined(body)
        first = next(chunks, b"")
        if left is None and len(first) < _SMALL:  # `joined` has found the end
            length = [] if _names_length(headers) else [(_LENGTH, b"%d" % len(first))]
            self._put_whole(Head(response.status, [*headers, *length]), first)
            return
        self._put(Head(response.status, headers))
        for chunk in _prepended(first, chunks):
            if left is not None:
                left -= len(chunk)
                if left < 0:
                    raise ValueError("a body is longer than its response has said")
            self._put(chunk)
        if left:
            raise ValueError(f"a body is {left} bytes shorter than its response has said")
        self._put(_End(whole=True))

    def abort(self) -> None:
        """Cut the connection: what was sent is no whole answer."""
        self._hand_over(_End(whole=False))

    def _put_whole(self, head: Head, body: Chunk) -> None:
        """An answer that is there already: the event loop is woken once for all of it."""
        if self._is_gone:
            raise ClientGone
        self._room.acquire()
        self.started = True
        if len(body):
            self._room.acquire()
            self._hand_over(head, body, _End(whole=True))
        else:
            self._hand_over(head, _End(whole=True))

    def _put(self, item: Head | Chunk | _End) -> None:
        if not isinstance(item, _End):  # the end needs no room
            self._room.acquire()
        if self._is_gone:
            raise ClientGone
        if isinstance(item, Head):
            self.started = True
        self._hand_over(item)

    def _hand_over(self, *items: Head | Chunk | _End) -> None:
        self._loop.call_soon_threadsafe(self._arrive, items)

    # --- in the event loop ----------------------------------------------------------------------

    def _arrive(self, items: Sequence[Head | Chunk | _End]) -> None:
        self._items.extend(items)
        self._arrived.set()

    def gone(self) -> None:
        """Nobody is there to read: the thread hears of it at its next chunk."""
        self._is_gone = True
        self._room.release(_IN_FLIGHT)

    async def deliver(
        self,
        send: Callable[[Any], Awaitable[None]],
        before_end: Callable[[], Awaitable[None]],
    ) -> bool:
        """Pass everything on to ``send``, an ASGI one; whether it was a whole answer.

        ``before_end`` is awaited when all but the end was sent.
        """
        while True:
            while not self._items:
                self._arrived.clear()
                await self._arrived.wait()
            item = self._items.popleft()
            if isinstance(item, _End):
                if item.whole and not self._is_gone:
                    await before_end()
                    await self._timed(send, {"type": "http.response.body", "body": b""})
                return item.whole and not self._is_gone
            if not self._is_gone:
                await self._pass_on(send, item)
            self._room.release()

    async def _pass_on(self, send: Callable[[Any], Awaitable[None]], item: Head | Chunk) -> None:
        if isinstance(item, Head):
            self.status = item.status
            start = {"type": "http.response.start", "status": item.status, "headers": item.headers}
            await self._timed(send, start)
            return
        for piece in _pieces(item):
            message = {"type": "http.response.body", "body": piece, "more_body": True}
            await self._timed(send, message)
            self.bytes_sent += len(piece)
            if self._is_gone:
                return

    async def _timed(self, send: Callable[[Any], Awaitable[None]], message: Any) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await send(message)
        except TimeoutError:
            self.gone()


def _names_length(headers: Headers) -> bool:
    return any(name == _LENGTH for name, _ in headers)


def joined(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The chunks, small ones together with what follows."""
    small: list[Chunk] = []
    size = 0
    for chunk in chunks:
        if not len(chunk):
            continue
        small.append(chunk)
        size += len(chunk)
        if size >= _SMALL:
            yield small[0] if len(small) == 1 else b"".join(small)
            small, size = [], 0
    if small:
        yield b"".join(small)


def _prepended(first: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    if len(first):
        yield first
    yield from rest


def _pieces(chunk: Chunk) -> Iterator[Chunk]:
    """A chunk in parts that even a slow client takes within its time."""
    if len(chunk) <= _PIECE:
        yield chunk
        return
    view = memoryview(chunk)
    for start in range(0, len(view), _PIECE):
        yield view[start : start + _PIECE]
