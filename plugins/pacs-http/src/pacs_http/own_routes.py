"""The routes of the server itself: whether it lives and can work, and what may be asked of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from pacs_framework.live import Health
from pacs_http.access.links import SHARED
from pacs_http.api import (
    Action,
    Answer,
    Level,
    Problem,
    Request,
    Response,
    Route,
    json_response,
)
from pacs_http.openapi import document

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_http.router import Router

__all__ = ["own_routes"]

_HEALTH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {"enum": ["ok", "failing"]},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["status", "reasons"],
}
_FRESH_SECONDS = 1.0


class _Door(Protocol):
    router: Router
    link_target: str


def own_routes(archive: Archive, door: _Door) -> Sequence[Route]:
    """What pacs-http answers itself."""
    readiness = _Readiness(archive)
    return (
        Route(
            method="GET",
            path="/health/live",
            handler=_live,
            level=Level.SYSTEM,
            action=Action.READ,
            summary="Whether this process answers",
            answers={200: Answer("it does", ("application/json",), _HEALTH)},
            public=True,
        ),
        Route(
            method="GET",
            path="/health/ready",
            handler=readiness.answer,
            level=Level.SYSTEM,
            action=Action.READ,
            summary="Whether the archive can do its work",
            answers={
                200: Answer("it can", ("application/json",), _HEALTH),
                503: Answer("it cannot, and why", ("application/json",), _HEALTH),
            },
            public=True,
        ),
        Route(
            method="GET",
            path=f"{SHARED}/{{link}}",
            handler=partial(_open_link, door.link_target),
            level=Level.SYSTEM,
            action=Action.READ,
            summary="Open a link that was made for one study",
            answers={303: Answer("where the study is")},
        ),
        Route(
            method="GET",
            path="/openapi.json",
            handler=lambda request: json_response(document(door.router.routes, request.base_url)),
            level=Level.SYSTEM,
            action=Action.READ,
            summary="This document: what may be asked of the archive",
            answers={200: Answer("OpenAPI 3.1", ("application/json",), {"type": "object"})},
        ),
    )


def _open_link(target: str, request: Request) -> Response:
    """Where a browser goes with a link. Its address is a secret, and no other page is told it."""
    if request.principal.kind != "link":
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such link")
    (limit,) = request.principal.limits
    place = target.replace("{link}", request.base_url).replace("{study}", limit.studies[0])
    return Response(
        status=HTTPStatus.SEE_OTHER,
        headers=[("Location", place), ("Referrer-Policy", "no-referrer")],
        body=b"",
    )


def _live(request: Request) -> Response:
    del request
    return _answer(Health())


class _Readiness:
    """The health of the archive, looked at once a second at most: anybody may ask for it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = threading.Lock()
        self._known: Health | None = None
        self._until = 0.0

    def answer(self, request: Request) -> Response:
        """The reasons why it cannot work, and 503 where there are any."""
        del request
        with self._lock:
            if self._known is None or time.monotonic() > self._until:
                self._known = self._archive.health()
                self._until = time.monotonic() + _FRESH_SECONDS
            return _answer(self._known)


def _answer(health: Health) -> Response:
    status = HTTPStatus.OK if health.healthy else HTTPStatus.SERVICE_UNAVAILABLE
    body = {"status": "ok" if health.healthy else "failing", "reasons": list(health.reasons)}
    return json_response(body, status=status, headers=[("Cache-Control", "no-store")])
