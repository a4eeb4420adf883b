"""An archive that answers HTTP, with routes that tests need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace

import pytest
import structlog

from pacs_framework import hookimpl
from pacs_framework.errors import RefusedByPolicy
from pacs_framework.testing.factories import Archives
from pacs_http.api import (
    Action,
    Level,
    Request,
    Response,
    Route,
    Takes,
    json_response,
)
from pacs_http.testing import WebArchive, open_signal_pipe, serve_http

MEBIBYTE = bytes(1 << 20)


def plugin_with(*routes: Route) -> SimpleNamespace:
    """A plugin that has these routes."""

    def provide() -> Sequence[Route]:
        return routes

    return SimpleNamespace(http_routes=hookimpl(provide))


def route(
    path: str, handler: Callable[[Request], Response], method: str = "GET", **more: object
) -> Route:
    """A route about the system unless told otherwise."""
    declared = {"level": Level.SYSTEM, "action": Action.READ, "summary": "for a test", **more}
    return Route(method=method, path=path, handler=handler, **declared)


class Streams:
    """Handlers whose bodies are endless, broken or counted, and what became of them."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.given = 0

    def endless(self, request: Request) -> Response:
        """Megabytes until somebody stops it."""
        del request
        return Response(media_type="application/octet-stream", body=self._megabytes(10**6))

    def large(self, request: Request) -> Response:
        """64 MiB."""
        del request
        return Response(media_type="application/octet-stream", body=self._megabytes(64))

    def _megabytes(self, number: int) -> Iterator[bytes]:
        try:
            for _ in range(number):
                self.given += 1
                yield MEBIBYTE
        finally:
            self.closed.set()


def echo(request: Request) -> Response:
    """What arrived, as JSON."""
    return json_response(
        {
            "path": dict(request.path_parameters),
            "query": request.query,
            "base_url": request.base_url,
            "peer": request.peer,
            "principal": request.principal.name,
            "study": request.resource.study,
        }
    )


def count(request: Request) -> Response:
    """How many bytes the body has."""
    return json_response({"bytes": sum(map(len, request.body))})


def refuse(request: Request) -> Response:
    """An error of the archive's."""
    del request
    raise RefusedByPolicy("the rule 'night' says no")


def fail(request: Request) -> Response:
    """An error of a plugin's."""
    del request
    raise KeyError("Doe^John")


def in_pieces(request: Request) -> Response:
    """A short body that nobody knows the length of."""
    del request
    return Response(body=iter([b"ab", b"", b"cd"]))


def break_off(request: Request) -> Response:
    """A body that breaks in the middle."""
    del request

    def body() -> Iterator[bytes]:
        yield MEBIBYTE
        raise KeyError("Doe^John")

    return Response(body=body())


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """What libuv opens once in a process is not left behind by the test that came first."""
    open_signal_pipe()


@pytest.fixture
def whole_log() -> None:
    """All levels, on standard output, whatever was set up before; `pacs_log` puts that back."""
    structlog.reset_defaults()


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.fixture
def plugin(streams: Streams) -> SimpleNamespace:
    """All of the above."""
    return plugin_with(
        route("/echo/{name}", echo),
        route("/rest/{name:path}", echo),
        route("/studies/{study}", echo, level=Level.STUDY),
        route("/count", count, "POST", action=Action.WRITE, takes=Takes()),
        route("/small", count, "POST", action=Action.WRITE, takes=Takes(limit=1000)),
        route(
            "/json",
            count,
            "POST",
            action=Action.WRITE,
            takes=Takes(media_types=("application/json",)),
        ),
        route("/unread", echo, "POST", action=Action.WRITE, takes=Takes()),
        route("/refused", refuse),
        route("/failed", fail),
        route("/pieces", in_pieces),
        route("/broken", break_off),
        route("/large", streams.large),
        route("/endless", streams.endless),
    )


@pytest.fixture
def web(pacs_archive: Archives, plugin: SimpleNamespace) -> WebArchive:
    """An archive on loopback without users."""
    return serve_http(
        pacs_archive,
        {"test": plugin},
        http={"header_timeout": 1.0, "network_timeout": 1.0, "max_header": 8192},
    )
