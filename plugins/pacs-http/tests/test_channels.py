"""WebSockets of routes: who may open them, what is said on them, and what bounds them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from pacs_framework import hookimpl
from pacs_framework.testing.factories import Archives
from pacs_http.access.accounts import Accounts
from pacs_http.api import (
    Action,
    Channel,
    CloseCode,
    Hangup,
    Level,
    Request,
    Response,
    Route,
    json_response,
)
from pacs_http.testing import WebArchive, open_routes, serve_http

_WAIT = 30.0  # a net against tests that never end
_HANDSHAKE = (
    "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


class Said(Channel):
    """Sends what a test puts into it, and notes what happens to it."""

    subprotocol = "test.said"

    def __init__(self) -> None:
        self.batches: list[Sequence[str | bytes]] = []
        self.asked = 0
        self.ring: Callable[[], None] = lambda: None
        self.over = threading.Event()
        self.fails: Exception | None = None

    def opened(self, ring: Callable[[], None]) -> None:
        self.ring = ring

    def waiting(self) -> Sequence[str | bytes]:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return self.batches.pop(0) if self.batches else ()

    def received(self, message: str | bytes) -> None:
        if message == "bye":
            raise Hangup(CloseCode.NORMAL, "bye")
        self.say(f"heard {message!r}")

    def closed(self) -> None:
        self.over.set()

    def say(self, *messages: str | bytes) -> None:
        self.batches.append(messages)
        self.ring()


class Mute(Said):
    """Does not expect that anything is said."""

    received = Channel.received


class Opened:
    """The channels that a route has opened, and for whom."""

    def __init__(self) -> None:
        self.made: list[Said] = []
        self.by: list[str] = []

    def said(self, request: Request) -> Channel:
        return self._kept(Said(), request)

    def mute(self, request: Request) -> Channel:
        return self._kept(Mute(), request)

    def _kept(self, channel: Said, request: Request) -> Channel:
        self.by.append(request.principal.name)
        self.made.append(channel)
        return channel


def _route(path: str, **more: Any) -> Route:
    declared = {
        "method": "GET",
        "level": Level.SYSTEM,
        "action": Action.READ,
        "summary": "for a test",
        **more,
    }
    return Route(path=path, **declared)


def _plain(request: Request) -> Response:
    del request
    return json_response("plain")


@pytest.fixture
def opened() -> Opened:
    return Opened()


@pytest.fixture
def serve(pacs_archive: Archives, opened: Opened) -> Callable[..., WebArchive]:
    """An archive with these channels; settings are those of ``[plugin.http]``."""
    routes = (
        _route("/said/{name}", opens=opened.said),
        _route("/mute", opens=opened.mute),
        _route("/both", handler=_plain, opens=opened.said),
        _route("/plain", handler=_plain),
        _route("/admin", opens=opened.said, action=Action.ADMIN),
    )
    plugin = SimpleNamespace(http_routes=hookimpl(lambda: routes))

    def make(**settings: Any) -> WebArchive:
        return serve_http(pacs_archive, {"test": plugin}, http=settings)

    return make


@pytest.fixture
def web(serve: Callable[..., WebArchive]) -> WebArchive:
    """On loopback without users."""
    return serve()


@pytest.fixture
def line(web: WebArchive) -> Iterator[ClientConnection]:
    """A channel that stands."""
    with web.websocket("/said/x") as connection:
        yield connection


def _denied(web: WebArchive, target: str, **options: Any) -> tuple[int, str]:
    """The status and the media type that a handshake is answered with."""
    with pytest.raises(InvalidStatus) as caught, web.websocket(target, **options):
        pass
    response = caught.value.response
    return response.status_code, response.headers["content-type"]


def _code_of(line: ClientConnection) -> int:
    """Read to the end; the code that the other side closed it with."""
    with suppress(ConnectionClosed):
        while True:
            line.recv(_WAIT)
    assert line.close_code is not None
    return line.close_code


# --- what is said ---------------------------------------------------------------------------------


def test_what_waits_is_sent_in_order_when_it_rings(line: ClientConnection, opened: Opened) -> None:
    """Text and bytes, batch after batch, also from another thread."""
    (channel,) = opened.made
    channel.batches.append(["one", b"two"])
    channel.say("three")
    assert [line.recv(_WAIT) for _ in range(3)] == ["one", b"two", "three"]


def test_what_the_client_says_is_heard(line: ClientConnection) -> None:
    """Both kinds, and fragments as the one message that they are."""
    line.send("a")
    line.send(b"b")
    line.send(iter(["c", "d"]))
    heard = [line.recv(_WAIT) for _ in range(3)]
    assert heard == ["heard 'a'", "heard b'b'", "heard 'cd'"]


def test_a_silent_channel_is_not_asked(line: ClientConnection, opened: Opened) -> None:
    """Once at its start, and after that when it rings: nothing polls."""
    (channel,) = opened.made
    line.ping().wait(_WAIT)
    channel.say("x")
    line.recv(_WAIT)
    line.ping().wait(_WAIT)
    line.send("a")
    line.recv(_WAIT)
    assert channel.asked <= 5  # once; once and once more for each of two messages


def test_each_side_can_hang_up(web: WebArchive, opened: Opened) -> None:
    """And the channel hears of it once, whoever did."""
    with web.websocket("/said/x") as line:
        line.send("bye")
        assert _code_of(line) == CloseCode.NORMAL
    with web.websocket("/said/x"):
        pass
    assert all(each.over.wait(_WAIT) for each in opened.made)


def test_what_nobody_listens_for_closes_it(web: WebArchive, opened: Opened) -> None:
    """1003, so that a client learns of its mistake."""
    with web.websocket("/mute") as line:
        line.send("hello")
        assert _code_of(line) == CloseCode.UNSUPPORTED_DATA
    assert opened.made[0].over.wait(_WAIT)


@pytest.mark.parametrize("failure", [KeyError("Doe^John"), TimeoutError("Doe^John")])
def test_a_channel_that_fails_is_closed_and_tells_nothing(
    line: ClientConnection, opened: Opened, failure: Exception
) -> None:
    """1011; the exception is for the log, whatever it is of."""
    (channel,) = opened.made
    channel.fails = failure
    channel.ring()
    with pytest.raises(ConnectionClosed) as caught:
        line.recv(_WAIT)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1011, "the archive failed")
    assert channel.over.wait(_WAIT)


def test_a_subprotocol_is_spoken_where_it_is_known(web: WebArchive) -> None:
    """And where it is not, none is."""
    with web.websocket("/said/x", subprotocols=["other", "test.said"]) as line:
        assert line.subprotocol == "test.said"
    with web.websocket("/said/x", subprotocols=["other"]) as line:
        assert line.subprotocol is None


def test_the_number_of_the_request_is_told(web: WebArchive) -> None:
    """As with every other answer."""
    with web.websocket("/said/x", additional_headers={"X-Request-ID": "abc"}) as line:
        assert line.response is not None
        assert line.response.headers["x-request-id"] == "abc"


# --- who may --------------------------------------------------------------------------------------


def test_the_walk_over_all_routes_opens_channels_too(serve: Callable[..., WebArchive]) -> None:
    """Neither the handshake nor an ordinary request is answered to who may do nothing."""
    web = serve(login="required")
    assert open_routes(web) == ["GET /health/live", "GET /health/ready"]


def test_a_handshake_is_decided_on_as_a_request(
    serve: Callable[..., WebArchive], opened: Opened
) -> None:
    """By role and by action; a refusal is a problem, as everywhere."""
    web = serve(login="required")
    token = Accounts(web.running.archive.tables("http")).create_token("reader", ["viewer"])
    login = {"additional_headers": {"Authorization": f"Bearer {token}"}}
    assert _denied(web, "/said/x") == (401, "application/problem+json")
    assert _denied(web, "/admin", **login) == (403, "application/problem+json")
    assert _denied(web, "/nothing", **login) == (404, "application/problem+json")
    with web.websocket("/said/x", **login):
        assert opened.by == ["reader"]


def test_a_page_shows_its_token_as_a_subprotocol(
    serve: Callable[..., WebArchive], opened: Opened
) -> None:
    """It cannot send headers; the token is never what is answered with."""
    web = serve(login="required")
    token = Accounts(web.running.archive.tables("http")).create_token("page", ["viewer"])
    with web.websocket("/said/x", subprotocols=["test.said", f"bearer.{token}"]) as line:
        assert (line.subprotocol, opened.by) == ("test.said", ["page"])
    assert _denied(web, "/said/x", subprotocols=["bearer.pacs_0_0"])[0] == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
def test_a_page_of_another_origin_opens_nothing(web: WebArchive, origin: str) -> None:
    """With the login that the browser remembers it would read what it may not (RFC 6455 10.2)."""
    assert _denied(web, "/said/x", origin=origin) == (403, "application/problem+json")


def test_pages_of_known_origins_may_open(serve: Callable[..., WebArchive]) -> None:
    """The server's own, and those that are configured."""
    web = serve(cors_origins=["https://viewer.example.org"])
    for origin in (web.url, "https://viewer.example.org"):
        with web.websocket("/said/x", origin=origin):
            pass
    assert _denied(web, "/said/x", origin="https://other.example.org")[0] == 403


def test_who_may_no_longer_is_told_no_more(
    serve: Callable[..., WebArchive], opened: Opened
) -> None:
    """A token that is revoked while the channel stands: closed before the next message."""
    web = serve(login="required")
    accounts = Accounts(web.running.archive.tables("http"))
    token = accounts.create_token("reader", ["viewer"])
    with web.websocket("/said/x", additional_headers={"Authorization": f"Bearer {token}"}) as line:
        opened.made[0].say("first")
        assert line.recv(_WAIT) == "first"
        accounts.revoke_token(token.split("_")[1])
        opened.made[0].say("second")
        assert _code_of(line) == CloseCode.POLICY_VIOLATION
    assert opened.made[0].batches == [("second",)]


def test_an_address_may_be_both(web: WebArchive) -> None:
    """A WebSocket for who asks for one, an answer for everybody else, or 426."""
    with web.client() as client:
        assert client.get("/both").json() == "plain"
        alone = client.get("/said/x")
        assert (alone.status_code, alone.headers["upgrade"]) == (426, "websocket")
        assert client.get("/openapi.json").json()["paths"]["/both"]["get"]["responses"]["101"]
    with web.websocket("/both"):
        pass
    assert _denied(web, "/plain")[0] == 400


def test_a_route_that_contradicts_itself_is_refused() -> None:
    """Neither handler nor WebSocket; a WebSocket by POST; a public one."""
    with pytest.raises(ValueError, match="neither a handler nor what it opens"):
        _route("/x")
    with pytest.raises(ValueError, match="never a public one"):
        _route("/x", opens=Opened().said, public=True)
    with pytest.raises(ValueError, match="opened by GET"):
        _route("/x", opens=Opened().said, method="POST", handler=_plain)


# --- what bounds them -----------------------------------------------------------------------------


class Bare:
    """A connection that shook hands and then does what no client does."""

    def __init__(self, web: WebArchive, extra: str = "") -> None:
        where = urlsplit(web.url)
        address = (where.hostname or "", where.port or 0)
        self.socket = socket.create_connection(address, timeout=_WAIT)
        head = _HANDSHAKE.format(target="/said/x", host=where.netloc) + extra + "\r\n"
        self.socket.sendall(head.encode())

    def head(self) -> bytes:
        """What it is answered."""
        data = b""
        while b"\r\n\r\n" not in data and (more := self.socket.recv(4096)):
            data += more
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_one_more_than_there_may_be_is_refused(serve: Callable[..., WebArchive]) -> None:
    """503; and the place is free when another one is over."""
    web = serve(max_channels=1)
    with web.websocket("/said/x"):
        assert _denied(web, "/said/x")[0] == 503
    for _ in range(100):  # its end takes a moment on our side
        try:
            with web.websocket("/said/x"):
                break
        except InvalidStatus:
            continue
    else:
        pytest.fail("the place stays taken")


def test_a_message_that_is_too_long_closes_it(serve: Callable[..., WebArchive]) -> None:
    """1009, whole or in fragments."""
    web = serve(max_message=1000)
    for message in ("x" * 1001, iter(["x" * 600, "x" * 600])):
        with web.websocket("/said/x") as line:
            line.send("y" * 1000)
            line.recv(_WAIT)
            with suppress(ConnectionClosed):  # the first fragments may have been enough
                line.send(message)
            assert _code_of(line) == 1009


def test_who_does_not_answer_a_ping_is_cut_off(
    serve: Callable[..., WebArchive], opened: Opened
) -> None:
    """A client that has gone without a word holds nothing for long."""
    web = serve(ping_interval=0.2)
    with Bare(web) as gone:
        assert gone.head().startswith(b"HTTP/1.1 101")
        assert opened.made[0].over.wait(_WAIT)


def test_a_slow_reader_is_cut_off_and_little_is_held_for_it(
    serve: Callable[..., WebArchive], opened: Opened
) -> None:
    """The channel is not asked for more than fits into the network."""
    web = serve(network_timeout=0.5)
    with Bare(web) as slow:
        assert slow.head().startswith(b"HTTP/1.1 101")
        (channel,) = opened.made
        channel.batches.extend([["x" * (1 << 20)]] * 200)
        channel.ring()
        assert channel.over.wait(_WAIT)
        assert len(channel.batches) > 100


@pytest.mark.parametrize(
    "extra",
    ["Content-Length: 3\r\n", "Sec-WebSocket-Key: AAAA\r\n", "Sec-WebSocket-Version: 8\r\n"],
)
def test_what_is_no_handshake_is_answered_as_it_is(web: WebArchive, extra: str) -> None:
    """With what there is to ask for, or with what is wrong; never with a WebSocket."""
    with Bare(web, extra) as client:
        assert client.head()[:12] in {b"HTTP/1.1 426", b"HTTP/1.1 400"}


def test_nobody_speaks_before_the_answer(web: WebArchive, opened: Opened) -> None:
    """Frames behind the head of a handshake are no part of it."""
    where = urlsplit(web.url)
    head = _HANDSHAKE.format(target="/said/x", host=where.netloc) + "\r\n"
    address = (where.hostname or "", where.port or 0)
    with socket.create_connection(address, timeout=_WAIT) as client:
        client.sendall(head.encode() + b"\x89\x80\0\0\0\0")
        assert client.recv(4096).startswith(b"HTTP/1.1 400")
    assert opened.made == []


def test_the_end_of_the_archive_is_told(web: WebArchive, opened: Opened) -> None:
    """1012, and the channel is over before the archive is."""
    with web.websocket("/said/x") as line:
        web.running.app.stop()
        assert _code_of(line) == CloseCode.SERVICE_RESTART
        assert opened.made[0].over.is_set()
