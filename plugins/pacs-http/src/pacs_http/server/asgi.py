"""The application: from an ASGI request to a handler's thread and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from structlog.contextvars import bound_contextvars

from pacs_http.access.principal import NOBODY
from pacs_http.conditional import answered_if_match
from pacs_http.problems import ClientGone, Problem, as_problem
from pacs_http.response import Response
from pacs_http.server.answers import encoded_headers, options_answer, problem_response
from pacs_http.server.asking import Asking, admitted, headers_of, path_of, request_id_of
from pacs_http.server.incoming import IncomingBody, too_long
from pacs_http.server.outgoing import LINE, Outgoing
from pacs_http.server.threads import RequestThreads

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from pacs_http.access.judge import Judge
    from pacs_http.request import Request
    from pacs_http.route import Route, Takes
    from pacs_http.router import Router
    from pacs_http.server.addresses import Addresses
    from pacs_http.settings import HttpSettings

__all__ = ["HttpApplication"]

_log = structlog.get_logger("pacs_http")

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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hold one conversation on a WebSocket."""
        if scope["type"] == "websocket":
            from pacs_http.server.conversation import Conversation  # noqa: PLC0415 - most have none

            await Conversation(self, scope).run(receive, send)
        elif scope["type"] == "http":
            exchange = _Exchange(self, scope, receive)
            try:
                await exchange.run(send, self.places)
            finally:
                exchange.close()

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
    """One request and its answer."""

    def __init__(self, app: HttpApplication, scope: Scope, receive: Receive) -> None:
        self._app = app
        self._scope = scope
        self._began = time.perf_counter()
        self._headers = headers_of(scope)
        self._id = request_id_of(self._headers)
        self._method = str(scope["method"])
        self._has_body = "transfer-encoding" in self._headers or (
            self._headers.get("content-length", "0") != "0"
        )
        patience = app.settings.network_timeout
        extensions = scope.get("extensions") or {}
        self._out = Outgoing(patience=patience, lend=extensions.get(LINE, {}).get("lend"))
        self._body = IncomingBody(
            receive,
            expected=self._has_body,
            on_demand="expect" in self._headers,
            patience=patience,
            on_gone=self._out.gone,
            lend=extensions.get(LINE, {}).get("lend_inlet"),
        )
        self._route: Route | None = None
        self._request: Request | None = None

    async def run(self, send: Send, places: asyncio.Semaphore) -> None:
        work = self._work
        try:
            if places.locked():
                async with asyncio.timeout(self._app.settings.queue_timeout):
                    await places.acquire()
            else:  # at once, without a timer
                await places.acquire()
        except TimeoutError:
            self._busy()
            work = self._say_busy
        try:
            self._app.threads.submit(partial(self._in_thread, work))
            whole = await self._out.deliver(send, self._body)
        except BaseException:
            self._out.gone()
            raise
        finally:
            if work is not self._say_busy:
                places.release()
            self._log_access()
        if not whole and self._out.started:
            raise ConnectionAbortedError("the answer is not whole")  # the server cuts it

    def close(self) -> None:
        self._body.close()

    # --- in the thread --------------------------------------------------------------------------

    def _in_thread(self, work: Callable[[], None]) -> Callable[[], object]:
        try:
            with bound_contextvars(request_id=self._id):
                work()
        except Exception:  # noqa: BLE001 - the client has to hear of the end all the same
            _log.exception("a request ended badly", request_id=self._id)
        finally:
            self._body.let_go()
        return self._out.finish

    def _work(self) -> None:
        """Answer, whatever happens; a client that has gone is nobody's fault."""
        try:
            self._send(self._answer())
        except ClientGone:
            self._out.abort()
        except Exception as error:  # noqa: BLE001 - a handler may raise anything
            self._answer_failure(error)

    def _answer(self) -> Response:
        """The route's, once it is clear that there is one and that it may be called."""
        if self._method == "OPTIONS" and (answer := self._options()) is not None:
            return answer
        asking = self._app.asking
        match, request = asking.request(
            self._scope, self._method, self._headers, self._id, self._body
        )
        self._route, self._request = match.route, request
        self._request = request = admitted(match.route, request, self._app.judge)
        self._check_body(match.route)
        if "if-match" in self._headers:
            return answered_if_match(match.route.handler, self._method, request)
        return match.route.handler(request)

    def _options(self) -> Response | None:
        self._app.asking.addresses.of(self._scope, self._headers)  # refuses a Host that is none
        return options_answer(self._app.asking.router, path_of(self._scope)[1])

    def _check_body(self, route: Route) -> None:
        if not self._has_body:
            return
        if route.takes is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "this request takes no body")
        _check_media_type(route.takes, self._headers.get("content-type", ""))
        limit = self._app.settings.max_body if route.takes.limit is None else route.takes.limit
        self._body.bound(limit)
        announced = self._headers.get("content-length", "")
        if limit and announced.isdecimal() and int(announced) > limit:
            raise too_long(limit)

    def _send(self, response: Response) -> None:
        closes = not self._body.ended
        headers = encoded_headers(response, self._id, closes=closes)
        self._out.send(response, headers, bodiless=self._method == "HEAD")

    def _answer_failure(self, error: Exception) -> None:
        problem = as_problem(error)
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("request failed", route=self._route_name(), exc_info=error)
        if self._out.started:
            self._out.abort()
            return
        try:
            self._send(problem_response(problem, self._id))
        except ClientGone:
            self._out.abort()

    def _busy(self) -> None:
        _log.warning("request refused: no thread was free in time", request_id=self._id)

    def _say_busy(self) -> None:
        problem = Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the archive works on as many requests as it may; ask again",
            headers=[("Retry-After", "1")],
        )
        self._answer_failure(problem)

    # --- the log --------------------------------------------------------------------------------

    def _route_name(self) -> str:
        return self._route.name if self._route else ""

    def _log_access(self) -> None:
        """Patterns of addresses and UIDs, and never a query: it may name a patient."""
        if not self._app.settings.access_log:
            return
        route, request = self._route, self._request
        _log.info(
            "http request",
            request_id=self._id,
            method=self._method,
            route=route.path if route else "",
            about=route.level if route else "",
            action=route.action if route else "",
            study=request.resource.study if request else "",
            status=self._out.status,
            bytes=self._out.bytes_sent,
            seconds=round(time.perf_counter() - self._began, 4),
            principal=(request.principal if request else NOBODY).name,
            peer=request.peer if request else "",
        )


def _check_media_type(takes: Takes, content_type: str) -> None:
    if not takes.media_types:
        return
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in takes.media_types:
        known = ", ".join(takes.media_types)
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type has to be one of {known}",
            headers=[("Accept", known)],
        )
