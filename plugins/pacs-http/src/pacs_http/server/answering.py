"""One request answered in a thread, whichever way it came and its answer goes."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from structlog.contextvars import bound_contextvars

from pacs_http.access.principal import NOBODY
from pacs_http.conditional import answered_if_match
from pacs_http.problems import ClientGone, Problem, as_problem
from pacs_http.server.answers import encoded_headers, options_answer, problem_response
from pacs_http.server.asking import admitted, headers_of, path_of, request_id_of
from pacs_http.server.incoming import IncomingBody, too_long

if TYPE_CHECKING:
    from pacs_http.request import EmptyBody, Request
    from pacs_http.response import Response
    from pacs_http.route import Route, Takes
    from pacs_http.server.asgi import HttpApplication
    from pacs_http.server.sending import Sending

__all__ = ["Answering"]

_log = structlog.get_logger("pacs_http")


class Answering:
    """Finds who answers a request and whether they may, and sends what they answer.

    scope
        The request, as ASGI tells an application of it.
    """

    def __init__(self, app: HttpApplication, scope: Any) -> None:
        self._app = app
        self._scope = scope
        self._began = time.perf_counter()
        self.headers = headers_of(scope)
        self._id = request_id_of(self.headers)
        self._method = str(scope["method"])
        self.has_body = "transfer-encoding" in self.headers or (
            self.headers.get("content-length", "0") != "0"
        )
        self._route: Route | None = None
        self._request: Request | None = None

    def work(self, body: IncomingBody | EmptyBody, out: Sending, *, busy: bool = False) -> None:
        """Answer, whatever happens; a client that has gone is nobody's fault.

        busy
            There is no room for it, which is the answer.
        """
        try:
            with bound_contextvars(request_id=self._id):
                self._work(body, out, busy=busy)
        except Exception:  # noqa: BLE001 - the client has to hear of the end all the same
            _log.exception("a request ended badly", request_id=self._id)

    def _work(self, body: IncomingBody | EmptyBody, out: Sending, *, busy: bool) -> None:
        try:
            self._send(self._answer(body) if not busy else self._busy(), body, out)
        except ClientGone:
            out.abort()
        except Exception as error:  # noqa: BLE001 - a handler may raise anything
            self._answer_failure(error, body, out)

    def _answer(self, body: IncomingBody | EmptyBody) -> Response:
        """The route's, once it is clear that there is one and that it may be called."""
        if self._method == "OPTIONS" and (answer := self._options()) is not None:
            return answer
        asking = self._app.asking
        match, request = asking.request(self._scope, self._method, self.headers, self._id, body)
        self._route, self._request = match.route, request
        self._request = request = admitted(match.route, request, self._app.judge)
        if isinstance(body, IncomingBody) and self.has_body:
            self._check_body(match.route, body)
        if "if-match" in self.headers:
            return answered_if_match(match.route.handler, self._method, request)
        return match.route.handler(request)

    def _options(self) -> Response | None:
        self._app.asking.addresses.of(self._scope, self.headers)  # refuses a Host that is none
        return options_answer(self._app.asking.router, path_of(self._scope)[1])

    def _check_body(self, route: Route, body: IncomingBody) -> None:
        if route.takes is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "this request takes no body")
        _check_media_type(route.takes, self.headers.get("content-type", ""))
        limit = self._app.settings.max_body if route.takes.limit is None else route.takes.limit
        body.bound(limit)
        announced = self.headers.get("content-length", "")
        if limit and announced.isdecimal() and int(announced) > limit:
            raise too_long(limit)

    def _send(self, response: Response, body: IncomingBody | EmptyBody, out: Sending) -> None:
        closes = isinstance(body, IncomingBody) and not body.ended
        headers = encoded_headers(response, self._id, closes=closes)
        out.send(response, headers, bodiless=self._method == "HEAD")

    def _answer_failure(
        self, error: Exception, body: IncomingBody | EmptyBody, out: Sending
    ) -> None:
        problem = as_problem(error)
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("request failed", route=self._route_name(), exc_info=error)
        if out.started:
            out.abort()
            return
        try:
            self._send(problem_response(problem, self._id), body, out)
        except ClientGone:
            out.abort()

    def _busy(self) -> Response:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the archive works on as many requests as it may; ask again",
            headers=[("Retry-After", "1")],
        )

    # --- the log --------------------------------------------------------------------------------

    def log_busy(self) -> None:
        """It waited for too long."""
        _log.warning("request refused: no thread was free in time", request_id=self._id)

    def _route_name(self) -> str:
        return self._route.name if self._route else ""

    def log_access(self, out: Sending) -> None:
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
            status=out.status,
            bytes=out.bytes_sent,
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
