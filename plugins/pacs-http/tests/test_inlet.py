"""A long body, most of which the thread of the handler reads from its client itself."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from pacs_framework import hookimpl
from pacs_framework.testing.factories import Archives
from pacs_http.api import Action, Level, Request, Response, Route, Takes, json_response
from pacs_http.problems import ClientGone
from pacs_http.server.inlet import Inlet
from pacs_http.server.line import Line
from pacs_http.testing import WebArchive, open_signal_pipe, serve_http

SECONDS = 60.0  # a net against tests that never end
LONG = 3 << 20
LEFT = 500_000  # less than is taken of what nobody reads


class Handlers:
    """What the routes of this test do with a body, and what became of them."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.gone = threading.Event()

    def digest(self, request: Request) -> Response:
        """The SHA-256 of all of it."""
        return json_response({"digest": hashlib.sha256(b"".join(request.body)).hexdigest()})

    def part(self, request: Request) -> Response:
        """Enough of it to have it lent, and no more."""
        read = 0
        while read < LONG - LEFT:
            read += len(request.body.read(1 << 16))
        return json_response({"read": read})

    def watch(self, request: Request) -> Response:
        """Tells when it is at work, and when it is told that its client has gone."""
        try:
            for _ in request.body:
                self.began.set()
        except ClientGone:
            self.gone.set()
            raise
        return json_response({})


@pytest.fixture(scope="session", autouse=True)
def _signal_pipe() -> None:
    open_signal_pipe()


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much of a body was left each time that one was lent."""
    found: list[int] = []
    make = Inlet.__init__

    def noting(self: Inlet, line: Line, left: int, take_back: Callable[[Inlet], None]) -> None:
        found.append(left)
        make(self, line, left, take_back)

    monkeypatch.setattr(Inlet, "__init__", noting)
    return found


@pytest.fixture
def web(pacs_archive: Archives, handlers: Handlers) -> WebArchive:
    declared = {"level": Level.SYSTEM, "action": Action.WRITE, "summary": "for a test"}
    routes = [
        Route(method="POST", path=f"/{each.__name__}", handler=each, takes=Takes(), **declared)
        for each in (handlers.digest, handlers.part, handlers.watch)
    ]
    plugin = SimpleNamespace(http_routes=hookimpl(lambda: routes))
    return serve_http(pacs_archive, {"test": plugin}, http={"network_timeout": 5.0})


@pytest.fixture
def peer(web: WebArchive) -> Iterator[socket.socket]:
    where = urlsplit(web.url)
    with closing(socket.create_connection((where.hostname, where.port), timeout=SECONDS)) as made:
        yield made


def asked(path: str, size: int, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {size}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def heard(peer: socket.socket, *signs: bytes) -> bytes:
    """What comes until all signs are there, or to the end."""
    data = b""
    while not all(sign in data for sign in signs) and (piece := peer.recv(1 << 16)):
        data += piece
    return data


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def test_what_follows_a_lent_body_is_the_next_request(peer: socket.socket, lent: list[int]) -> None:
    """In the same write as its end, and later."""
    one, two, three = os.urandom(LONG), os.urandom(LONG), os.urandom(100)
    peer.sendall(asked("/digest", LONG) + one + asked("/digest", LONG) + two)
    assert digest(two) in heard(peer, digest(one), digest(two))
    peer.sendall(asked("/digest", 100) + three)
    assert digest(three) in heard(peer, digest(three))
    assert len(lent) == 2
    assert all(LONG >> 1 < left < LONG for left in lent)


def test_a_client_that_waits_to_be_asked_is_asked(peer: socket.socket, lent: list[int]) -> None:
    body = os.urandom(LONG)
    peer.sendall(asked("/digest", LONG, "Expect: 100-continue"))
    assert heard(peer, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    peer.sendall(body)
    assert digest(body) in heard(peer, digest(body))
    assert len(lent) == 1


def test_who_answers_before_the_end_is_heard_by_a_client_that_goes_on(
    peer: socket.socket, lent: list[int]
) -> None:
    """A little of what is left is taken, so that the connection does not break over the answer."""
    peer.sendall(asked("/part", LONG) + bytes(LONG - LEFT))
    peer.sendall(bytes(LEFT))
    answer = heard(peer, b'"read"')
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert heard(peer, b"more than the end") in {b"", b"}"}
    assert len(lent) == 1


def test_a_client_that_goes_is_gone(
    peer: socket.socket, handlers: Handlers, lent: list[int]
) -> None:
    """The handler hears of it, and nobody takes it for a fault of the archive."""
    with capture_logs() as logs:
        peer.sendall(asked("/watch", LONG) + bytes(LONG >> 1))
        assert handlers.began.wait(SECONDS)
        peer.shutdown(socket.SHUT_WR)
        assert handlers.gone.wait(SECONDS)
        assert heard(peer, b"an answer") == b""
    assert len(lent) == 1
    assert not [each for each in logs if each["log_level"] in {"error", "critical"}]


def test_a_client_that_pauses_for_too_long_is_told_so(
    peer: socket.socket, handlers: Handlers, lent: list[int]
) -> None:
    peer.sendall(asked("/watch", LONG) + bytes(LONG >> 1))
    answer = heard(peer, b"nothing of the body came for 5 s")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert heard(peer, b"more") in {b"", answer[-1:]}
    assert len(lent) == 1
    assert not handlers.gone.is_set()


def test_a_stop_ends_the_reading(
    web: WebArchive, peer: socket.socket, handlers: Handlers, lent: list[int]
) -> None:
    """Which else would wait for its client for ever."""
    peer.sendall(asked("/watch", LONG) + bytes(LONG >> 1))
    assert handlers.began.wait(SECONDS)
    web.running.stop()
    heard(peer, b"the end")
    assert len(lent) == 1


def test_a_body_in_chunks_goes_by_the_event_loop(peer: socket.socket, lent: list[int]) -> None:
    """Nobody but the parser knows where it ends."""
    body = os.urandom(LONG)
    head = b"POST /digest HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    peer.sendall(head + b"%x\r\n" % LONG + body + b"\r\n0\r\n\r\n")
    assert digest(body) in heard(peer, digest(body))
    assert not lent


def test_without_descriptors_it_goes_by_the_event_loop(
    peer: socket.socket, lent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int) -> int:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(os, "dup", refuse)
    body = os.urandom(LONG)
    peer.sendall(asked("/digest", LONG) + body)
    assert digest(body) in heard(peer, digest(body))
    assert not lent
