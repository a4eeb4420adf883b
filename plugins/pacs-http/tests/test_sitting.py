"""A client that asks one thing after the other, and the thread that answers it all."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from pacs_framework import hookimpl
from pacs_framework.testing.factories import Archives
from pacs_http.api import Action, Level, Request, Response, Route, Takes, json_response
from pacs_http.server import lent_connection, sitting
from pacs_http.server.heads import scope_of
from pacs_http.server.lent_connection import Borrowed
from pacs_http.testing import WebArchive, serve_http

SECONDS = 60.0  # a net against tests that never end
PIECES = [os.urandom(70_000) for _ in range(20)]
DIGEST = hashlib.sha256(b"".join(PIECES)).hexdigest()


class Handlers:
    """What the routes of these tests answer."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.closed = threading.Event()

    def thread(self, _request: Request) -> Response:
        """Which thread answers."""
        return json_response(threading.get_ident())

    def about(self, request: Request) -> Response:
        """What was asked for."""
        asked = [request.method, request.path, request.query, request.headers.get("x-mine", "")]
        return json_response(asked)

    def take(self, request: Request) -> Response:
        """The length of a body."""
        return json_response(sum(map(len, request.body)))

    def chunks(self, _request: Request) -> Response:
        """A body of which nobody knows how long it is."""
        return Response(body=iter(PIECES))

    def measured(self, request: Request) -> Response:
        """One that is as long as told, or not."""
        size = sum(map(len, PIECES)) + int(request.first("more") or "0")
        return Response(body=iter(PIECES), length=size)

    def broken(self, _request: Request) -> Response:
        """One that breaks off."""

        def body() -> Iterator[bytes]:
            yield PIECES[0]
            raise KeyError("Doe^John")

        return Response(body=body())

    def split(self, _request: Request) -> Response:
        """A header that would be two."""
        return Response(headers=[("X-Mine", "a\r\nSet-Cookie: b")], body=b"{}")

    def nothing(self, _request: Request) -> Response:
        """No content."""
        return Response(status=204)

    def last(self, _request: Request) -> Response:
        """An answer that is the connection's last."""
        return Response(headers=[("Connection", "close")], body=b"{}")

    def slow(self, _request: Request) -> Response:
        """Waits until it may end."""
        self.began.set()
        self.may_end.wait(SECONDS)
        return json_response({})

    def endless(self, _request: Request) -> Response:
        """Megabytes until somebody stops it."""

        def body() -> Iterator[bytes]:
            try:
                while True:
                    yield bytes(1 << 20)
            finally:
                self.closed.set()

        return Response(body=body())


class Sittings:
    """How many there were, and how each ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ends: list[bool] = []
        self._one_more = threading.Condition()

    def ended(self, *, goes_on: bool) -> None:
        with self._one_more:
            self.ends.append(goes_on)
            self._one_more.notify_all()

    def wait_for(self, ends: list[bool]) -> None:
        """Until so many have ended, in that way."""
        with self._one_more:
            assert self._one_more.wait_for(lambda: len(self.ends) >= len(ends), SECONDS)
        assert self.ends == ends


@pytest.fixture(autouse=True)
def sittings(monkeypatch: pytest.MonkeyPatch) -> Sittings:
    """Every client goes on, however slow this machine is."""
    monkeypatch.setattr(lent_connection, "SOON", SECONDS)
    monkeypatch.setattr(sitting, "SOON", SECONDS)
    found = Sittings()
    make, give_back = Borrowed.__init__, Borrowed.give_back

    def begin(self: Borrowed, *arguments: Any) -> None:
        found.begun += 1
        make(self, *arguments)

    def end(self: Borrowed, rest: bytes, *, goes_on: bool) -> None:
        give_back(self, rest, goes_on=goes_on)
        found.ended(goes_on=goes_on)

    monkeypatch.setattr(Borrowed, "__init__", begin)
    monkeypatch.setattr(Borrowed, "give_back", end)
    return found


@pytest.fixture
def handlers() -> Iterator[Handlers]:
    made = Handlers()
    yield made
    made.may_end.set()


def serving(archives: Archives, handlers: Handlers, **http: Any) -> WebArchive:
    """An archive with their routes."""
    declared = {"level": Level.SYSTEM, "action": Action.READ, "summary": "for a test"}
    names = [each for each in vars(Handlers) if not each.startswith("_")]
    routes = [
        Route(method="GET", path=f"/{name}", handler=getattr(handlers, name), **declared)
        for name in names
    ]
    routes.append(
        Route(method="POST", path="/take", handler=handlers.take, takes=Takes(), **declared)
    )
    plugin = SimpleNamespace(http_routes=hookimpl(lambda: routes))
    settings = {"header_timeout": 5.0, "network_timeout": 5.0, "max_header": 8192, **http}
    return serve_http(archives, {"test": plugin}, http=settings)


@pytest.fixture
def web(pacs_archive: Archives, handlers: Handlers) -> WebArchive:
    return serving(pacs_archive, handlers)


class Peer:
    """A client that sends any bytes on one connection."""

    def __init__(self, web: WebArchive) -> None:
        where = urlsplit(web.url)
        self.socket = socket.create_connection((where.hostname, where.port), timeout=SECONDS)
        self._read = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """All of it."""
        self.socket.sendall(data)

    def ask(self, target: str, *headers: str, method: str = "GET") -> tuple[int, bytes]:
        """Status and body of the answer to one request."""
        self.send(head(target, *headers, method=method))
        return self.answer(bodiless=method == "HEAD")

    def answer(self, *, bodiless: bool = False) -> tuple[int, bytes]:
        """The next one. Raises EOFError where it is not whole."""
        status, headers = self.head()
        if bodiless or status == 204:
            return status, b""
        if headers.get("transfer-encoding") != "chunked":
            return status, self.exactly(int(headers["content-length"]))
        body = b""
        while size := int(self.line(), 16):
            body += self.exactly(size)
            self.line()
        self.line()
        return status, body

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        status = int(self.line().split(" ")[1])
        headers: dict[str, str] = {}
        while line := self.line():
            name, _, value = line.partition(": ")
            headers[name] = value
        return status, headers

    def line(self) -> str:
        line = self._read.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        return line[:-2].decode()

    def exactly(self, size: int) -> bytes:
        data = self._read.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def is_closed(self) -> bool:
        """Waits until the server has closed, or says something."""
        try:
            return not self._read.read(1)
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._read.close()
        self.socket.close()


@pytest.fixture
def connect(web: WebArchive) -> Iterator[Callable[[], Peer]]:
    made: list[Peer] = []

    def connect() -> Peer:
        made.append(Peer(web))
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def peer(connect: Callable[[], Peer]) -> Peer:
    """A client that has asked for something already."""
    made = connect()
    assert made.ask("/about")[0] == 200
    return made


def head(target: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


# --- one after the other ------------------------------------------------------------------------


def test_one_thread_answers_what_is_asked_one_after_the_other(
    peer: Peer, sittings: Sittings
) -> None:
    threads = {peer.ask("/thread")[1] for _ in range(5)}
    assert len(threads) == 1
    assert (sittings.begun, sittings.ends) == (1, [])


def test_a_single_request_is_no_reason_to_keep_a_thread(
    connect: Callable[[], Peer], sittings: Sittings
) -> None:
    assert connect().ask("/about")[0] == 200
    assert sittings.begun == 0


def test_every_request_is_read_as_the_event_loop_reads_it(
    web: WebArchive, peer: Peer, sittings: Sittings
) -> None:
    """Its path and query, its headers; its errors, and its number in the log."""
    target = "/about?a=1&b=%20x+y&a=2&empty="
    assert peer.ask(target, "X-Mine: M\u00fcller")[1] == peer_of_loop(web, target)
    assert peer.ask("/about", method="HEAD") == (200, b"")
    assert peer.ask("/ab%6Fut")[0] == 200
    assert peer.ask("/no%2Fthing")[0] == 400
    assert peer.ask("/nowhere")[0] == 404
    assert peer.ask("/about", "Host: b")[0] == 400
    assert peer.ask("/take")[0] == 200
    with capture_logs() as logs:
        peer.send(head("/about", "X-Request-ID: mine-7"))
        assert peer.head()[1]["x-request-id"] == "mine-7"
        peer.close()
        sittings.wait_for([False])
    (line,) = [each for each in logs if each.get("request_id") == "mine-7"]
    assert (line["event"], line["status"], line["route"]) == ("http request", 200, "/about")
    assert line["bytes"] > 0
    assert sittings.begun == 1


def peer_of_loop(web: WebArchive, target: str) -> bytes:
    """The answer on a connection of its own."""
    with closing(Peer(web)) as other:
        return other.ask(target, "X-Mine: M\u00fcller")[1]


def test_answers_of_every_shape_are_whole(peer: Peer, sittings: Sittings) -> None:
    for target in ("/chunks", "/measured"):
        status, body = peer.ask(target)
        assert (status, hashlib.sha256(body).hexdigest()) == (200, DIGEST)
    assert peer.ask("/nothing") == (204, b"")
    assert peer.ask("/chunks", method="HEAD") == (200, b"")
    assert peer.ask("/about")[0] == 200
    assert (sittings.begun, sittings.ends) == (1, [])


def test_a_header_that_would_be_two_is_not_sent(peer: Peer, sittings: Sittings) -> None:
    peer.send(head("/split"))
    status, headers = peer.head()
    assert (status, "set-cookie" in headers) == (500, False)
    peer.exactly(int(headers["content-length"]))
    assert peer.ask("/about")[0] == 200
    assert sittings.begun == 1


@pytest.mark.parametrize("target", ["/broken", "/measured?more=1", "/measured?more=-1"])
def test_an_answer_that_breaks_is_not_taken_for_whole(
    peer: Peer, sittings: Sittings, target: str
) -> None:
    with pytest.raises((EOFError, ConnectionResetError)):
        peer.ask(target)
    sittings.wait_for([False])


def test_an_answer_may_be_the_last(peer: Peer, sittings: Sittings) -> None:
    assert peer.ask("/last")[0] == 200
    assert peer.is_closed()
    sittings.wait_for([False])


def test_a_client_that_does_not_read_is_cut(
    pacs_archive: Archives, handlers: Handlers, sittings: Sittings
) -> None:
    web = serving(pacs_archive, handlers, network_timeout=0.5)
    with closing(Peer(web)) as peer:
        assert peer.ask("/about")[0] == 200
        peer.send(head("/endless"))
        assert handlers.closed.wait(SECONDS)
        sittings.wait_for([False])


# --- back to the event loop ---------------------------------------------------------------------


def test_what_is_more_than_a_head_goes_by_the_event_loop(peer: Peer, sittings: Sittings) -> None:
    """And behind it, a thread takes over again."""
    assert peer.ask("/about")[0] == 200
    peer.send(head("/take", "Content-Length: 5", method="POST") + b"12345")
    assert peer.answer() == (200, b"5")
    assert peer.ask("/about")[0] == 200
    assert peer.ask("/about", method="OPTIONS") == (204, b"")
    assert peer.ask("/about", "Origin: https://viewer.example")[0] == 200
    sittings.wait_for([True, True])
    assert peer.ask("/about")[0] == 200
    assert peer.ask("/about", "Upgrade: h2c", "Connection: upgrade")[0] == 200
    sittings.wait_for([True, True, True])


def test_a_head_that_comes_in_parts_is_waited_for_by_the_event_loop(
    peer: Peer, sittings: Sittings
) -> None:
    assert peer.ask("/about")[0] == 200
    whole = head("/about?a=1")
    peer.send(whole[:20])
    sittings.wait_for([True])
    peer.send(whole[20:])
    assert peer.answer()[0] == 200


def test_two_requests_at_once_are_answered_in_order(peer: Peer, sittings: Sittings) -> None:
    assert peer.ask("/about")[0] == 200
    peer.send(head("/about?a=1") + head("/about?a=2"))
    assert [b'"1"' in peer.answer()[1], b'"2"' in peer.answer()[1]] == [True, True]
    assert sittings.ends == [True]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /about HTTP/1.1\r\nBad Name: x\r\n\r\n", 400),
        (b"GET /about HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"\x16\x03\x01" + bytes(64), 400),
        (head("/about", f"X-Mine: {'a' * 9000}"), 431),
    ],
    ids=["space in a name", "version", "TLS", "too long"],
)
def test_nonsense_is_refused_as_by_the_event_loop(peer: Peer, sent: bytes, status: int) -> None:
    assert peer.ask("/about")[0] == 200
    peer.send(sent)
    assert peer.head()[0] == status


def test_old_clients_and_those_that_close_are_answered(peer: Peer, sittings: Sittings) -> None:
    assert peer.ask("/about")[0] == 200
    assert peer.ask("/about", "Connection: close")[0] == 200
    assert peer.is_closed()
    assert sittings.ends == [True]


def test_a_client_that_goes_lets_the_thread_go(peer: Peer, sittings: Sittings) -> None:
    assert peer.ask("/about")[0] == 200
    peer.close()
    sittings.wait_for([False])


def test_who_has_no_more_to_ask_is_answered(peer: Peer, sittings: Sittings) -> None:
    """It closes its side behind its last request."""
    assert peer.ask("/about")[0] == 200
    peer.send(head("/about"))
    peer.socket.shutdown(socket.SHUT_WR)
    assert peer.answer()[0] == 200
    assert peer.is_closed()
    sittings.wait_for([False])


def test_nobody_keeps_a_thread_that_others_wait_for(
    pacs_archive: Archives, handlers: Handlers, sittings: Sittings
) -> None:
    web = serving(pacs_archive, handlers, threads=2)
    with closing(Peer(web)) as first, closing(Peer(web)) as second:
        assert [first.ask("/about")[0], first.ask("/about")[0]] == [200, 200]
        second.send(head("/slow"))
        assert handlers.began.wait(SECONDS)
        assert first.ask("/about")[0] == 200
        sittings.wait_for([True])
        assert first.ask("/about")[0] == 200
        assert sittings.begun == 1
        handlers.may_end.set()
        assert second.answer()[0] == 200


def test_one_thread_is_there_for_all(
    pacs_archive: Archives, handlers: Handlers, sittings: Sittings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that goes on and on has it for one request at a time when another waits."""
    web = serving(pacs_archive, handlers, threads=1)
    stop = threading.Event()

    def go_on() -> None:
        with closing(Peer(web)) as busy:
            while not stop.is_set():
                busy.ask("/about")

    client = threading.Thread(target=go_on)
    client.start()
    try:
        with closing(Peer(web)) as other:
            assert [other.ask("/about")[0] for _ in range(3)] == [200, 200, 200]
    finally:
        stop.set()
        client.join(SECONDS)
    assert sittings.begun > 0


# --- the end ------------------------------------------------------------------------------------


def test_a_stop_does_not_wait_for_a_client_that_says_nothing(
    web: WebArchive, peer: Peer, sittings: Sittings
) -> None:
    assert peer.ask("/about")[0] == 200
    web.running.stop()
    assert peer.is_closed()
    assert sittings.ends == [False]


def test_a_stop_lets_what_is_under_way_end(
    web: WebArchive, peer: Peer, handlers: Handlers, sittings: Sittings
) -> None:
    assert peer.ask("/about")[0] == 200
    peer.send(head("/slow"))
    assert handlers.began.wait(SECONDS)
    stopping = threading.Thread(target=web.running.stop)
    stopping.start()
    while not is_shut(web):
        pass
    handlers.may_end.set()
    status, headers = peer.head()
    assert (status, headers["connection"]) == (200, "close")
    stopping.join(SECONDS)
    assert sittings.ends == [False]


def is_shut(web: WebArchive) -> bool:
    """Whether a stop has come so far that nobody else is let in."""
    try:
        httpx.get(f"{web.url}/about")
    except httpx.TransportError:
        return True
    return False


def test_without_descriptors_it_goes_by_the_event_loop(
    peer: Peer, sittings: Sittings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int) -> int:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(os, "dup", refuse)
    assert [peer.ask("/about")[0] for _ in range(3)] == [200, 200, 200]
    assert sittings.begun == 0


def test_a_fault_of_ours_ends_the_connection_and_is_told(
    peer: Peer, sittings: Sittings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_data: bytes, _before: object) -> None:
        raise RuntimeError("for a test")

    assert peer.ask("/about")[0] == 200
    monkeypatch.setattr(sitting, "scope_of", fail)
    with capture_logs() as logs:
        peer.send(head("/about"))
        assert peer.is_closed()
        sittings.wait_for([False])
    assert "a connection ended badly" in [each["event"] for each in logs]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /a HTTP/1.1\r\nHost: x\r\n",
        head("/a", method="POST"),
        head("/a") + b"GET",
        head("/a") + head("/b"),
        head("/a", "Content-Length: 0"),
        head("/a", "Transfer-Encoding: chunked"),
        head("/a", "Expect: 100-continue"),
        head("/a", "Connection: close"),
        head("/a", "Connection: Upgrade", "Upgrade: websocket"),
        head("*", method="OPTIONS"),
        head("a b"),
        head("http://[x/"),
        b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_what_is_not_plain_is_left_to_the_event_loop(data: bytes) -> None:
    assert scope_of(data, {}) is None
    assert scope_of(head("/a?b"), {"client": 1}) == {
        "client": 1,
        "method": "GET",
        "path": "/a",
        "raw_path": b"/a",
        "query_string": b"b",
        "headers": [(b"host", b"localhost")],
    }
