"""A WebSocket from its handshake to its end: between an ASGI server and the `Channel` of a route.

One coroutine does everything in turn, so a channel is asked and told one thing at a time. Nothing
is held for a client but the messages that its channel gave last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import structlog
from structlog.contextvars import bound_contextvars

from pacs_http.access.principal import NOBODY
from pacs_http.channel import Channel, CloseCode, Hangup
from pacs_http.problems import Problem, as_problem
from pacs_http.request import EmptyBody, Headers, Request
from pacs_http.server.answers import encoded_headers, problem_response
from pacs_http.server.asking import admitted, headers_of, request_id_of

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from pacs_http.route import Route
    from pacs_http.server.asgi import HttpApplication

__all__ = ["BEARER", "Conversation"]

_log = structlog.get_logger("pacs_http")

BEARER = "bearer."
"""What a subprotocol begins with that is a token. Pages cannot send headers with a WebSocket."""

_CUT = 1006  # never sent: the connection is gone
_LONGEST_REASON = 123  # bytes, RFC 6455 5.5

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a route has opened, and for whom."""

    route: Route
    request: Request
    channel: Channel


class _Gone(Exception):
    """The client closed it, with this code."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class _Failed(Exception):
    """A channel has raised what it should not."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


class Conversation:
    """One WebSocket and what is said on it."""

    def __init__(self, app: HttpApplication, scope: Scope) -> None:
        self._app = app
        self._scope = scope
        self._headers = headers_of(scope)
        self._id = request_id_of(self._headers)
        self._offered = [str(each) for each in scope.get("subprotocols") or ()]
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._began = time.perf_counter()
        self._route: Route | None = None
        self._request: Request | None = None
        self._sent = 0

    async def run(self, receive: Receive, send: Send) -> None:
        """Answer the handshake; hold the conversation where that is a yes."""
        await receive()  # websocket.connect
        if self._app.channels >= self._app.settings.max_channels:
            await self._deny(send, _too_many(self._app.settings.max_channels))
            return
        self._app.channels += 1
        try:
            await self._held(receive, send)
        finally:
            self._app.channels -= 1

    async def _held(self, receive: Receive, send: Send) -> None:
        try:
            opened = await self._call(self._open)
        except Exception as error:  # noqa: BLE001 - what a route opens may raise anything
            await self._deny(send, error)
            return
        code = _CUT
        try:
            with suppress(OSError):  # gone before it heard of its success
                await self._accept(send, opened.channel)
                code = await self._talk(opened, receive, send)
        finally:
            try:
                await self._call(opened.channel.closed)
            except Exception as error:  # noqa: BLE001 - a channel may raise anything
                self._log_failure(opened, error)
            self._log("websocket closed", code=code, messages=self._sent)

    async def _accept(self, send: Send, channel: Channel) -> None:
        spoken = channel.subprotocol if channel.subprotocol in self._offered else None
        headers = [(b"x-request-id", self._id.encode())]
        await self._timed(
            send({"type": "websocket.accept", "subprotocol": spoken, "headers": headers})
        )
        self._log("websocket opened", status=int(HTTPStatus.SWITCHING_PROTOCOLS))

    # --- who may ----------------------------------------------------------------------------------

    def _open(self) -> _Opened:
        """What the route opens, for one who may have it. Raises `Problem` and what the route does.

        Browsers let any page open a WebSocket anywhere, with the login that they remember: where
        they come from is in Origin, and only pages of this server and of known ones may.
        """
        headers = self._headers_with_token()
        match, request = self._app.asking.request(
            self._scope, "GET", headers, self._id, EmptyBody()
        )
        self._route, self._request = match.route, request
        self._request = request = admitted(match.route, request, self._app.judge)
        origin = headers.get("origin")
        if origin is not None and origin not in {request.base_url, *self._origins}:
            raise Problem(
                HTTPStatus.FORBIDDEN, "a page of another origin may not open this; see cors_origins"
            )
        if match.route.opens is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "there is no WebSocket at this address")
        channel = match.route.opens(request)
        channel.opened(self._ring)
        return _Opened(match.route, request, channel)

    @property
    def _origins(self) -> Sequence[str]:
        return self._app.settings.cors_origins

    def _headers_with_token(self) -> Headers:
        """The headers, with the token of a page as one; what a header shows goes before it."""
        tokens = [each for each in self._offered if each.startswith(BEARER)]
        if not tokens or "authorization" in self._headers:
            return self._headers
        shown = ("authorization", f"Bearer {tokens[0].removeprefix(BEARER)}")
        return Headers((*((n, v) for n in self._headers for v in self._headers.all(n)), shown))

    def _check_still(self, opened: _Opened) -> None:
        """Raise `Hangup` unless the client may still have what it was admitted to.

        A token may be revoked, a role taken away, while a WebSocket stands for days.
        """
        before = opened.request
        try:
            now = self._app.judge.admit(opened.route, before, before.resource)
        except Problem as problem:
            raise Hangup(CloseCode.POLICY_VIOLATION, "this login no longer holds") from problem
        if (now.principal, now.scope.reach) != (before.principal, before.scope.reach):
            raise Hangup(CloseCode.POLICY_VIOLATION, "this login may do other things now")

    # --- what is said -----------------------------------------------------------------------------

    async def _talk(self, opened: _Opened, receive: Receive, send: Send) -> int:
        """Until one side hangs up; the code of that."""
        try:
            self._rung.set()
            await self._take_turns(opened, receive, send)
        except _Gone as gone:
            return gone.code
        except Hangup as hangup:
            return await self._close(send, hangup)
        except TimeoutError:
            self._log("websocket cut: its client does not read", level="warning")
            raise ConnectionAbortedError("nobody reads") from None  # the server cuts it
        except _Failed as failed:
            self._log_failure(opened, failed.cause)
            return await self._close(send, Hangup(CloseCode.INTERNAL_ERROR, "the archive failed"))

    async def _take_turns(self, opened: _Opened, receive: Receive, send: Send) -> NoReturn:
        hearing: asyncio.Future[Any] = asyncio.ensure_future(receive())
        ringing: asyncio.Future[Any] = asyncio.ensure_future(self._rung.wait())
        try:
            while True:
                await asyncio.wait([hearing, ringing], return_when=asyncio.FIRST_COMPLETED)
                if hearing.done():
                    await self._heard(opened.channel, hearing.result())
                    hearing = asyncio.ensure_future(receive())
                elif ringing.done():
                    self._rung.clear()
                    if await self._told(opened, send):
                        self._rung.set()  # there may be more
                    ringing = asyncio.ensure_future(self._rung.wait())
        finally:
            hearing.cancel()
            ringing.cancel()

    async def _heard(self, channel: Channel, message: Any) -> None:
        if message["type"] == "websocket.disconnect":
            raise _Gone(int(message.get("code") or 1005))
        said = message.get("text")
        if said is None:
            said = message.get("bytes") or b""
        if len(said) > self._app.settings.max_message:  # not every server looks
            raise Hangup(CloseCode.MESSAGE_TOO_BIG, "this message is too long")
        await self._asked(lambda: channel.received(said))

    async def _told(self, opened: _Opened, send: Send) -> bool:
        """Send what waits, if anything does."""

        def asked() -> Sequence[str | bytes]:
            self._check_still(opened)
            return opened.channel.waiting()

        messages = await self._asked(asked)
        for message in messages:
            kind = "text" if isinstance(message, str) else "bytes"
            await self._timed(send({"type": "websocket.send", kind: message}))
            self._sent += 1
        return bool(messages)

    def _ring(self) -> None:
        with suppress(RuntimeError):  # the loop is gone, and the channel with it
            self._loop.call_soon_threadsafe(self._rung.set)

    # --- how --------------------------------------------------------------------------------------

    async def _call(self, work: Callable[[], _T]) -> _T:
        """Have ``work`` done in a thread of requests."""
        done: asyncio.Future[_T] = self._loop.create_future()

        def settle(result: _T | None, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(cast("_T", result))

        def run() -> Callable[[], object]:
            try:
                with bound_contextvars(request_id=self._id):
                    result = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                return partial(self._loop.call_soon_threadsafe, settle, None, error)
            return partial(self._loop.call_soon_threadsafe, settle, result, None)

        async with self._app.places:
            self._app.threads.submit(run)
            return await done

    async def _asked(self, work: Callable[[], _T]) -> _T:
        """The same for a channel that stands: what it raises is no failure of the network."""
        try:
            return await self._call(work)
        except Hangup:
            raise
        except Exception as error:
            raise _Failed(error) from error

    async def _timed(self, sending: Any) -> None:
        async with asyncio.timeout(self._app.settings.network_timeout):
            await sending

    async def _close(self, send: Send, hangup: Hangup) -> int:
        reason = hangup.reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        with suppress(OSError):
            await self._timed(
                send({"type": "websocket.close", "code": int(hangup.code), "reason": reason})
            )
        return int(hangup.code)

    async def _deny(self, send: Send, error: Exception) -> None:
        """Answer the handshake with an error, where the server can."""
        problem = as_problem(error)
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("websocket not opened", request_id=self._id, exc_info=error)
        self._log("websocket refused", status=problem.status.value)
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await send({"type": "websocket.close"})  # any server makes 403 of it
            return
        answer = problem_response(problem, self._id)
        await send(
            {
                "type": "websocket.http.response.start",
                "status": answer.status,
                "headers": _joined(encoded_headers(answer, self._id, closes=True)),
            }
        )
        await send({"type": "websocket.http.response.body", "body": answer.body})

    def _log_failure(self, opened: _Opened, error: Exception) -> None:
        _log.error("websocket failed", route=opened.route.name, request_id=self._id, exc_info=error)

    def _log(self, event: str, *, level: str = "info", **known: Any) -> None:
        """As requests are logged: patterns of addresses, and never a query."""
        if not self._app.settings.access_log and level == "info":
            return
        route, request = self._route, self._request
        getattr(_log, level)(
            event,
            request_id=self._id,
            route=route.path if route else "",
            about=route.level if route else "",
            action=route.action if route else "",
            seconds=round(time.perf_counter() - self._began, 4),
            principal=(request.principal if request else NOBODY).name,
            peer=request.peer if request else "",
            **known,
        )


def _too_many(most: int) -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"there are {most} WebSockets, as many as there may be",
        headers=[("Retry-After", "10")],
    )


def _joined(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Each name once, with all of its values (RFC 9110 5.3): a handshake that is answered with a
    name twice ends the process of granian 2.8.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = b", ".join([found[name], value]) if name in found else value
    return list(found.items())
