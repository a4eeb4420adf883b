"""The body of a request, from the event loop to the thread of the handler.

What is left of a long one is read by the thread itself, where the connection can be lent to it
(`pacs_http.server.inlet`).
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_http.problems import ClientGone, Problem

if TYPE_CHECKING:
    from starlette.types import Receive

    from pacs_http.server.inlet import Inlet

__all__ = ["IncomingBody", "LendInlet"]

LendInlet = Callable[[float], "Inlet | None"]
"""Gives the rest of a body to be read by a thread, behind all that was received; None where that
gains nothing. It is told how many seconds the body may pause.
"""

_CHUNK = 1 << 18
_DRAINED = 1 << 20
_DRAIN_SECONDS = 2.0
_WATCH_AFTER = 0.02  # seconds; most answers are on their way by then, and nobody has to be told


class IncomingBody:
    """A body that is read while it arrives: one piece is on its way while one is worked on.

    One task fetches them all, each when the thread wants it: a task for every piece costs more than
    most pieces do.

    expected
        Whether there is one at all.
    on_demand
        It comes only when it is asked for (Expect: 100-continue).
    patience
        Seconds that it may pause.
    on_gone
        Called when the client has gone, in the event loop, once the body is here.
    lend
        Lends the rest of it, where the server can.
    """

    def __init__(
        self,
        receive: Receive,
        *,
        expected: bool,
        on_demand: bool,
        patience: float,
        on_gone: Callable[[], None],
        lend: LendInlet | None = None,
    ) -> None:
        self._receive = receive
        self._lend = lend
        self._on_demand = on_demand
        self._patience = patience
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._limit = 0
        self._taken = 0
        self._rest = memoryview(b"")
        self._pieces: queue.SimpleQueue[bytes | Inlet | Exception] = queue.SimpleQueue()
        self._inlet: Inlet | None = None  # the thread's
        self._lent: Inlet | None = None  # the event loop's; it is the same once the thread has it
        self._is_over = False
        self._last: bytes | Exception | None = None
        self._is_begun = False
        self._wanted = 0
        self._wish = asyncio.Event()
        self._fetching: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None
        self._is_late = False
        self.ended = False
        if not expected:
            self._end()

    # --- in the thread of the handler -----------------------------------------------------------

    def bound(self, limit: int) -> None:
        """Set the most bytes it may have; before it is read."""
        self._limit = limit

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, at least one; nothing at the end."""
        if not self._rest:
            whole = self._next(size)
            if len(whole) <= size:
                return whole
            self._rest = memoryview(whole)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(_CHUNK):
            yield piece

    def let_go(self) -> None:
        """The handler is done and reads no more."""
        self._is_over = True
        if self._lent is not None:
            self._lent.close()

    def _next(self, size: int) -> bytes:
        """The next piece; behind the last nothing, or what is raised, however often one asks."""
        if self._last is None:
            try:
                piece = (
                    self._fetched(size) if self._inlet is None else self._read(self._inlet, size)
                )
            except Exception as error:
                self._last = error
                raise
            if piece:
                return piece
            self._last = piece
        if isinstance(self._last, Exception):
            raise self._last
        return self._last

    def _fetched(self, size: int) -> bytes:
        """A piece by way of the event loop; the one behind it is asked for at once."""
        if not self._is_begun:
            self._is_begun = True
            self._ask()
        found = self._pieces.get()
        if isinstance(found, Exception):
            raise found
        if isinstance(found, bytes):
            if found:
                self._ask()
            return found
        self._inlet = found
        return self._read(found, size)

    def _read(self, inlet: Inlet, size: int) -> bytes:
        """A piece from the client itself; the event loop hears of the last one."""
        try:
            piece = inlet.read(size)
        except TimeoutError:
            raise self._late() from None
        finally:
            if not self.ended and (not inlet.left or inlet.is_gone or self._is_late):
                self.ended = not inlet.left
                self._loop.call_soon_threadsafe(self._end_of_inlet)
        return piece

    def _ask(self) -> None:
        self._loop.call_soon_threadsafe(self._want)

    # --- in the event loop ----------------------------------------------------------------------

    def _want(self) -> None:
        self._wanted += 1
        self._wish.set()
        if self._fetching is None:
            self._fetching = self._loop.create_task(self._fetch())

    async def _fetch(self) -> None:
        """Pieces as they are wanted, up to the end, or to what is raised in its place."""
        last: Exception = ClientGone()
        try:
            while True:
                while not self._wanted:
                    self._wish.clear()
                    await self._wish.wait()
                self._wanted -= 1
                piece = await self._pulled()
                self._pieces.put(piece)
                if not piece or self._is_lent():
                    return
        except Exception as error:  # noqa: BLE001 - it is raised in the thread
            last = error
        finally:
            self._pieces.put(last)  # behind the end, or what was lent, nobody looks at it

    async def _pulled(self) -> bytes:
        while not self.ended:
            try:
                async with asyncio.timeout(self._patience):
                    message = await self._receive()
            except TimeoutError:
                raise self._late() from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            piece: bytes = message.get("body", b"")
            if not message.get("more_body", False):
                self._end()
            self._taken += len(piece)
            if self._limit and self._taken > self._limit:
                raise too_long(self._limit)
            if piece:
                return piece
        return b""

    def _is_lent(self) -> bool:
        """Lend the thread what is left, if that can be done."""
        if self._lend is None or self.ended or self._is_over:
            return False
        self._lent = self._lend(self._patience)
        if self._lent is not None:
            self._pieces.put(self._lent)
        return self._lent is not None

    def _end_of_inlet(self) -> None:
        if self._lent is not None:
            self._lent.give_back()
        if self.ended:
            self._end()

    def _late(self) -> Problem:
        self._is_late = True
        return Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            f"nothing of the body came for {self._patience:g} s",
            headers=[("Connection", "close")],
        )

    def _end(self) -> None:
        """The body is here: from now on, what comes tells that the client has gone."""
        self.ended = True
        self._timer = self._loop.call_later(_WATCH_AFTER, self._begin_to_watch)

    def _begin_to_watch(self) -> None:
        self._watch = self._loop.create_task(self._watch_for_end())

    async def _watch_for_end(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._on_gone()

    @property
    def is_over(self) -> bool:
        """Whether all of it is here, and nothing was read ahead."""
        return self.ended and (self._fetching is None or self._fetching.done())

    async def leave(self) -> None:
        """The handler is done: give up what was read ahead, and take a little of what is left."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        if self._lent is not None:
            self._lent.close()
            self._lent.give_back()
        if not self.ended:
            await self._drain()

    async def _drain(self) -> None:
        """Who is still sending would else not read the answer, because the connection breaks.

        Nothing comes from one that sends on demand and was not told to, nor from one that was
        waited for already.
        """
        if self._is_late or (self._on_demand and not self._is_begun):
            return
        taken = 0
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self.ended and taken < _DRAINED:
                    message = await self._receive()
                    taken += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            return

    def close(self) -> None:
        """The request is over."""
        if self._fetching is not None:
            self._fetching.cancel()
        if self._lent is not None:
            self._close_lent(self._lent)
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _close_lent(self, inlet: Inlet) -> None:
        """A thread that still reads hears of the end, and closes it itself (`let_go`)."""
        if self._is_over:
            inlet.close()
        else:
            inlet.cut()
        inlet.give_back()


def too_long(limit: int) -> Problem:
    """The answer to a body of more than ``limit`` bytes."""
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {limit} bytes", limit=limit
    )
