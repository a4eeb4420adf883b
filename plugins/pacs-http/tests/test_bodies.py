"""Bodies of requests, cut anywhere on their way: whole and in order when they are read."""

from __future__ import annotations

import hashlib
import json
import random
import socket
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from pacs_framework import hookimpl
from pacs_framework.testing.factories import Archives
from pacs_http.api import Action, Level, Request, Response, Route, Takes, json_response
from pacs_http.testing import WebArchive, serve_http

SECONDS = 60.0  # a net against tests that never end


def digest(request: Request) -> Response:
    """The SHA-256 of what arrived."""
    return json_response({"digest": hashlib.sha256(b"".join(request.body)).hexdigest()})


@pytest.fixture
def web(pacs_archive: Archives) -> WebArchive:
    declared = {"level": Level.SYSTEM, "action": Action.WRITE, "summary": "for a test"}
    route = Route(method="POST", path="/digest", handler=digest, takes=Takes(), **declared)
    plugin = SimpleNamespace(http_routes=hookimpl(lambda: [route]))
    return serve_http(pacs_archive, {"test": plugin})


@pytest.fixture
def peer(web: WebArchive) -> Iterator[socket.socket]:
    where = urlsplit(web.url)
    made = socket.create_connection((where.hostname, where.port), timeout=SECONDS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # pieces go as they are cut
    with closing(made):
        yield made


def cut(data: bytes, largest: int, rng: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = rng.randint(1, largest)
        yield data[at : at + size]
        at += size


def asked(body: bytes, *headers: str) -> bytes:
    lines = ["POST /digest HTTP/1.1", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes, largest: int, rng: random.Random) -> bytes:
    chunks = (b"%x\r\n%b\r\n" % (len(each), each) for each in cut(body, largest, rng))
    return b"".join([*chunks, b"0\r\n\r\n"])


def told(peer: socket.socket, number: int) -> list[str]:
    """The digests of so many answers, in their order."""
    data = b""
    while data.count(b'"}') < number:
        piece = peer.recv(1 << 16)
        assert piece, data
        data += piece
    return [json.loads(each[: each.index(b"}") + 1])["digest"] for each in _after_heads(data)]


def _after_heads(data: bytes) -> list[bytes]:
    return [b"{" + each for each in data.split(b"{")[1:]]


@pytest.mark.parametrize("largest_piece", [700, 70_000, 1 << 20])
@pytest.mark.parametrize("largest_chunk", [0, 3, 5000, 200_000])
def test_a_body_arrives_as_it_was_sent(
    peer: socket.socket, largest_piece: int, largest_chunk: int
) -> None:
    """Two requests at once, in pieces that have nothing to do with their ends: of known length or
    in chunks, tiny ones and such as are more than is held.
    """
    rng = random.Random(largest_piece + largest_chunk)
    sizes = (20_000, 0, 9000) if largest_chunk == 3 else (700_000, 0, 90_000)
    bodies = [rng.randbytes(size) for size in sizes]
    if largest_chunk:
        sent = [
            asked(chunked(body, largest_chunk, rng), "Transfer-Encoding: chunked")
            for body in bodies
        ]
    else:
        sent = [asked(body, f"Content-Length: {len(body)}") for body in bodies]
    for piece in cut(b"".join(sent), largest_piece, rng):
        peer.sendall(piece)
    assert told(peer, 3) == [hashlib.sha256(body).hexdigest() for body in bodies]
