"""The application: from an ASGI request to a handler's thread and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_http.server.answering import Answering
from pacs_http.server.asking import Asking
from pacs_http.server.heads import is_plain
from pacs_http.server.incoming import IncomingBody
from pacs_http.server.outgoing import LINE, Outgoing
from pacs_http.server.sitting import Sitting
from pacs_http.server.threads import RequestThreads

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from pacs_http.access.judge import Judge
    from pacs_http.router import Router
    from pacs_http.server.addresses import Addresses
    from pacs_http.server.lent_connection import Borrowed
    from pacs_http.settings import HttpSettings

__all__ = ["HttpApplication"]

_LAST_WAIT = 0.5


class HttpApplication:
    """Answers every request of every plugin; an ASGI application.

    It lives in one event loop; handlers run in threads.
    """

    def __init__(
        self, router: Router, judge: Judge, addresses: Addresses, settings: HttpSettings
    ) -> None:
        self.asking = Asking(router, addresses)
        self.judge = judge
        self.settings = settings
        self.threads = RequestThreads()
        self.places = asyncio.Semaphore(settings.threads)
        self.channels = 0
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hold one conversation on a WebSocket."""
        if scope["type"] == "websocket":
            from pacs_http.server.conversation import Conversation  # noqa: PLC0415 - most have none

            await Conversation(self, scope).run(receive, send)
        elif scope["type"] == "http":
            self._under_way += 1
            try:
                await self._answer(scope, receive, send)
            finally:
                self._under_way -= 1

    @property
    def is_crowded(self) -> bool:
        """Whether so many want to be answered that nobody may keep a thread. From any thread."""
        return self._under_way > max(1, self.settings.threads // 2)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = Answering(self, scope)
        if not await self._has_place():
            answering.log_busy()
            await _Exchange(self, answering, scope, receive).run(send, busy=True)
            return
        try:
            borrowed = self._borrowed(scope)
            if borrowed is not None:
                await Sitting(self, borrowed, scope, answering).run()
            else:
                await _Exchange(self, answering, scope, receive).run(send, busy=False)
        finally:
            self.places.release()

    async def _has_place(self) -> bool:
        """Whether a thread is free in time."""
        if not self.places.locked():
            return await self.places.acquire()  # at once, without a timer
        try:
            async with asyncio.timeout(self.settings.queue_timeout):
                return await self.places.acquire()
        except TimeoutError:
            return False

    def _borrowed(self, scope: Scope) -> Borrowed | None:
        """The connection, where one thread should answer this and what follows."""
        lend = _line(scope).get("lend_connection")
        if lend is None or self.is_crowded or not is_plain(scope["method"], scope["headers"]):
            return None
        borrowed: Borrowed | None = lend(self.settings.network_timeout)
        return borrowed

    def with_cors(self) -> ASGIApp:
        """Itself, as pages of other origins may call it that are configured."""
        if not self.settings.cors_origins:
            return self
        from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415 - most need it not

        return CORSMiddleware(
            self,
            allow_origins=self.settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            allow_credentials=True,
            expose_headers=["ETag", "Location", "Content-Location", "Warning", "X-Request-ID"],
        )

    def close(self) -> None:
        """Let the threads end."""
        self.threads.close(_LAST_WAIT)


class _Exchange:
    """One request and its answer, by way of the event loop."""

    def __init__(
        self, app: HttpApplication, answering: Answering, scope: Scope, receive: Receive
    ) -> None:
        self._app = app
        self._answering = answering
        line, patience = _line(scope), app.settings.network_timeout
        self._out = Outgoing(patience=patience, lend=line.get("lend"))
        self._body = IncomingBody(
            receive,
            expected=answering.has_body,
            on_demand="expect" in answering.headers,
            patience=patience,
            on_gone=self._out.gone,
            lend=line.get("lend_inlet"),
        )

    async def run(self, send: Send, *, busy: bool) -> None:
        try:
            self._app.threads.submit(partial(self._in_thread, busy=busy))
            whole = await self._out.deliver(send, self._body)
        except BaseException:
            self._out.gone()
            raise
        finally:
            self._body.close()
            self._answering.log_access(self._out)
        if not whole and self._out.started:
            raise ConnectionAbortedError("the answer is not whole")  # the server cuts it

    def _in_thread(self, *, busy: bool) -> Callable[[], object]:
        try:
            self._answering.work(self._body, self._out, busy=busy)
        finally:
            self._body.let_go()
        return self._out.finish


def _line(scope: Scope) -> dict[str, Any]:
    """What our own server lends of the connection; nothing where another one serves."""
    found: dict[str, Any] = (scope.get("extensions") or {}).get(LINE, {})
    return found
