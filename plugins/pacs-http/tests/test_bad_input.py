"""What no honest client sends, by bare sockets: answered with 4xx, or cut, and nothing kept."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from pacs_framework.testing.factories import Archives
from pacs_http.testing import WebArchive, serve_http

_SECONDS = 60.0  # a net against tests that never end


class Bare:
    """A connection that sends any bytes."""

    def __init__(self, web: WebArchive) -> None:
        where = urlsplit(web.url)
        self.host = where.netloc
        self.socket = socket.create_connection((where.hostname, where.port), timeout=_SECONDS)

    def send(self, data: bytes) -> None:
        """All of it."""
        self.socket.sendall(data)

    def get(self, target: str, *headers: str) -> tuple[int, bytes]:
        """Ask for exactly this; status and body."""
        lines = [f"GET {target} HTTP/1.1", f"Host: {self.host}", *headers, "Connection: close"]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return self.answer()

    def rest(self) -> bytes:
        """All that comes until the other side closes."""
        data = b""
        try:
            while piece := self.socket.recv(1 << 16):
                data += piece
        except ConnectionResetError:
            pass
        return data

    def answer(self) -> tuple[int, bytes]:
        """Status and body of the one answer; the connection has to end behind it."""
        data = self.rest()
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), body


@pytest.fixture
def bare(web: WebArchive) -> Iterator[Bare]:
    peer = Bare(web)
    with closing(peer.socket):
        yield peer


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    ],
    ids=[
        "TLS",
        "no address",
        "no version",
        "bytes in the address",
        "two lengths",
        "length and chunks",
        "unknown encoding",
        "space in a name",
        "NUL in a value",
    ],
)
def test_what_is_no_request_is_told_so(bare: Bare, sent: bytes) -> None:
    """What two servers could read in two ways is refused: requests are not smuggled."""
    bare.send(sent)
    status, body = bare.answer()
    assert status == 400
    assert json.loads(body)["status"] == 400


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"POST /count HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (
            b"POST / HTTP/1.1\r\n"
            + b"Transfer-Encoding: %b\r\n" * 2 % (b"gzip", b"chunked")
            + b"\r\n",
            501,
        ),
        (b"GET /echo/x HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ],
    ids=["gzip", "in two headers", "version"],
)
def test_what_is_not_spoken_here_is_told_so(bare: Bare, sent: bytes, expected: int) -> None:
    """The bytes of a body that is encoded once more are not what was meant (RFC 9112 6.1)."""
    bare.send(sent)
    status, body = bare.answer()
    assert status == json.loads(body)["status"] == expected


@pytest.mark.parametrize(
    "target",
    [
        "/echo/..",
        "/echo/%2e%2e",
        "/echo/a%2Fb",
        "/echo/a%5Cb",
        "/echo/a%00b",
        "/echo/%0d%0aSet-Cookie:x",
        "/echo/%ff",
        "/rest/a/../b",
        "/echo/x?a=%ff",
        "/echo/x?" + "&".join(f"a{n}=" for n in range(1001)),
    ],
)
def test_tricks_in_the_address_are_refused(bare: Bare, target: str) -> None:
    assert bare.get(target)[0] == 400


def test_an_address_is_decoded_once(bare: Bare) -> None:
    """Whoever decodes twice sees a slash here."""
    status, body = bare.get("/echo/a%252Fb")
    assert (status, json.loads(body)["path"]) == (200, {"name": "a%2Fb"})


@pytest.mark.parametrize("host", ["", "a/b", "a b", "x\tx", "a@b", "x:y"])
def test_a_host_that_is_none_does_not_get_into_addresses(web: WebArchive, host: str) -> None:
    peer = Bare(web)
    peer.host = host
    with closing(peer.socket):
        assert peer.get("/echo/x")[0] == 400


def test_a_second_host_is_refused(bare: Bare) -> None:
    assert bare.get("/echo/x", "Host: other")[0] == 400


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(2000)) + b"\r\n",
    ],
    ids=["address", "one header", "many headers"],
)
def test_a_head_that_is_too_long_is_refused(bare: Bare, sent: bytes) -> None:
    bare.send(sent)
    assert bare.answer()[0] == 431


def test_a_header_without_end_is_refused_while_it_comes(bare: Bare) -> None:
    """The parser keeps the beginning of a line to itself; it may not keep more than the limit."""
    bare.send(b"GET / HTTP/1.1\r\nHost: x\r\nA: ")
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        bare.send(b"a" * (64 << 20))


def test_a_head_that_does_not_come_is_not_waited_for(bare: Bare) -> None:
    """After header_timeout, which is a second here, however busily it trickles."""
    bare.send(b"GET /echo/x HTTP/1.1\r\nHo")
    status, body = bare.answer()
    assert status == 408
    assert "in time" in json.loads(body)["detail"]


def test_a_connection_that_says_nothing_is_closed(bare: Bare) -> None:
    assert bare.rest() == b""


def test_a_body_that_stops_is_not_waited_for(bare: Bare) -> None:
    """After network_timeout, which is a second here."""
    bare.send(
        f"POST /count HTTP/1.1\r\nHost: {bare.host}\r\nContent-Length: 10\r\n\r\nabc".encode()
    )
    assert bare.answer()[0] == 408


def test_a_body_that_breaks_off_ends_the_work_for_it(web: WebArchive, bare: Bare) -> None:
    """The handler hears of it, and the archive goes on."""
    bare.send(
        f"POST /count HTTP/1.1\r\nHost: {bare.host}\r\nContent-Length: 10\r\n\r\nabc".encode()
    )
    bare.socket.close()
    with web.client() as client:
        assert client.get("/echo/x").status_code == 200


def test_broken_chunks_are_refused_and_nothing_is_taken_for_whole(bare: Bare) -> None:
    head = f"POST /count HTTP/1.1\r\nHost: {bare.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
    bare.send(head.encode() + b"3\r\nabc\r\nnonsense\r\n")
    assert bare.answer()[0] == 400


def test_two_requests_at_once_are_answered_in_order(bare: Bare) -> None:
    for name in ("one", "two"):
        close = "Connection: close\r\n" if name == "two" else ""
        bare.send(f"GET /echo/{name} HTTP/1.1\r\nHost: {bare.host}\r\n{close}\r\n".encode())
    data = bare.rest()
    assert data.count(b"HTTP/1.1 200 OK") == 2
    assert data.index(b'"one"') < data.index(b'"two"')


def test_nonsense_behind_a_request_does_not_get_into_its_answer(bare: Bare) -> None:
    """There is one answer, to the one or to the other."""
    bare.send(f"GET /large HTTP/1.1\r\nHost: {bare.host}\r\n\r\n\x00\x01 nonsense\r\n\r\n".encode())
    assert bare.rest().count(b"HTTP/1.1 ") == 1


def test_an_upgrade_that_nobody_offers_is_answered_as_it_is(bare: Bare) -> None:
    """Java's clients ask for HTTP/2 like this, with bodies too."""
    upgrade = "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"
    head = f"POST /count HTTP/1.1\r\nHost: {bare.host}\r\n{upgrade}Content-Length: 3\r\n\r\n"
    bare.send(head.encode() + b"abc")
    status, body = bare.answer()
    assert (status, json.loads(body)) == (200, {"bytes": 3})


def test_a_client_that_expects_to_go_on_is_told_to(bare: Bare) -> None:
    head = (
        "POST /count HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n"
    )
    bare.send(f"{head}Host: {bare.host}\r\n\r\n".encode())
    assert bare.socket.recv(100).startswith(b"HTTP/1.1 100 Continue")
    bare.send(b"abc")
    assert bare.answer()[0] == 200


def test_a_client_that_expects_to_go_on_hears_no_before_it_sends(bare: Bare) -> None:
    head = "POST /small HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n"
    bare.send(f"{head}Host: {bare.host}\r\n\r\n".encode())
    assert bare.answer()[0] == 413


def test_one_connection_too_many_is_told_so(
    pacs_archive: Archives, plugin: SimpleNamespace
) -> None:
    web = serve_http(pacs_archive, {"test": plugin}, http={"max_connections": 1})
    first, second = Bare(web), Bare(web)
    with closing(first.socket), closing(second.socket):
        first.send(f"GET /echo/x HTTP/1.1\r\nHost: {first.host}\r\n\r\n".encode())
        assert first.socket.recv(100).startswith(b"HTTP/1.1 200")
        status, body = second.answer()
        assert (status, json.loads(body)["status"]) == (503, 503)


def test_one_request_too_many_waits_and_is_told_so(
    pacs_archive: Archives, plugin: SimpleNamespace
) -> None:
    http = {"threads": 1, "queue_timeout": 0.2, "network_timeout": 5.0}
    web = serve_http(pacs_archive, {"test": plugin}, http=http)
    first = Bare(web)
    with closing(first.socket), web.client() as client:
        first.send(f"GET /endless HTTP/1.1\r\nHost: {first.host}\r\n\r\n".encode())
        assert first.socket.recv(100).startswith(b"HTTP/1.1 200")
        answer = client.get("/echo/x")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
