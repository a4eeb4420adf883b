"""A connection that is lent to the thread that answers."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from pacs_http.problems import ClientGone
from pacs_http.server.line import Line
from pacs_http.server.pieces import grouped

Pair = tuple[Line, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A line, and the client at its other end, which waits for a minute at most."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(60)
    with ours, theirs, Line(os.dup(ours.fileno()), patience=60) as line:
        yield line, theirs


def received(client: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += client.recv(1 << 16)
    return got


def test_pieces_go_out_as_one_chunk(pair: Pair) -> None:
    line, client = pair
    assert line.send([b"ab", memoryview(b"cde")]) == 5
    assert client.recv(100) == b"5\r\nabcde\r\n"


def test_more_pieces_than_one_call_takes_are_one_chunk(pair: Pair) -> None:
    line, client = pair
    assert line.send([b"x"] * 2000) == 2000
    assert received(client, 2007) == b"7d0\r\n" + b"x" * 2000 + b"\r\n"


def test_what_a_slow_client_has_no_room_for_waits(pair: Pair) -> None:
    line, client = pair
    body = os.urandom(1 << 22)  # more than the system keeps for a client
    told: list[int] = []
    sending = threading.Thread(target=lambda: told.append(line.send([b"head", memoryview(body)])))
    sending.start()
    head = b"%x\r\nhead" % (4 + len(body))
    assert received(client, len(head) + len(body) + 2) == head + body + b"\r\n"
    sending.join(60)
    assert told == [4 + len(body)]


def test_nothing_of_what_was_sent_is_held(pair: Pair) -> None:
    """A buffer that is used again may be a view of it no longer."""
    line, client = pair
    buffer = bytearray(b"pixels")
    line.send([memoryview(buffer)])
    buffer.clear()  # BufferError while somebody looks into it
    assert client.recv(100) == b"6\r\npixels\r\n"


def test_a_client_that_takes_nothing_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    line = Line(os.dup(ours.fileno()), patience=0.01)
    with ours, theirs, line, pytest.raises(ClientGone):
        line.send([bytes(1 << 24)])


def test_a_client_that_has_gone_is_gone(pair: Pair) -> None:
    line, client = pair
    client.close()
    with pytest.raises(ClientGone):
        line.send([b"anybody?"])


def test_a_connection_that_is_cut_ends_the_waiting_of_its_thread(pair: Pair) -> None:
    line, client = pair
    gone = threading.Event()

    def send() -> None:
        with pytest.raises(ClientGone):
            line.send([bytes(1 << 24)])
        gone.set()

    sending = threading.Thread(target=send)
    sending.start()
    assert client.recv(1 << 10)  # it is at work
    line.cut()
    assert gone.wait(60)
    sending.join(60)
    line.close()
    line.cut()  # nothing is there any more, and nothing happens


def test_small_chunks_go_with_what_follows() -> None:
    large = bytes(1 << 16)
    groups = grouped(iter([b"a", b"", b"bc", large, b"d", large, b"e"]))
    sizes = [[len(chunk) for chunk in group] for group in groups]
    assert sizes == [[1, 2, 1 << 16], [1, 1 << 16], [1]]


def test_a_chunk_is_let_go_before_the_next_is_asked_for() -> None:
    def views() -> Iterator[memoryview]:
        for _ in range(3):
            buffer = bytearray(1 << 16)
            yield memoryview(buffer)
            buffer.clear()  # BufferError while somebody looks into it

    assert sum(len(group) for group in grouped(views())) == 3
