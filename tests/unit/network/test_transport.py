"""What a transport asks of the kernel, on a socket that writes everything down."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from pacs_framework.network.transport import Transport

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "TCP_QUICKACK"), reason="only Linux can be asked to acknowledge at once"
)


class Recording:
    """A connected socket that always has a byte to give."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.asked: list[str] = []

    def setblocking(self, flag: bool) -> None:
        assert flag

    def setsockopt(self, level: int, option: int, value: object) -> None:
        if (level, option) == (socket.IPPROTO_TCP, socket.TCP_QUICKACK):
            self.asked.append("acknowledge")

    def recv_into(self, buffer: memoryview, size: int = 0, flags: int = 0) -> int:
        self.asked.append("read")
        return 1

    def sendmsg(self, parts: list[bytes]) -> int:
        self.asked.append("send")
        return sum(map(len, parts))


def wait(transport: Transport) -> None:
    transport.receive_into(memoryview(bytearray(8)), 0)


def look(transport: Transport) -> None:
    transport.receive_now(memoryview(bytearray(8)))


def answer(transport: Transport) -> None:
    transport.send([b"x"])


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ([wait], ["read"]),
        ([wait, wait, wait], ["read", "acknowledge", "read", "acknowledge", "read"]),
        ([wait, answer, wait], ["read", "send", "read"]),
        ([wait, answer, wait, wait], ["read", "send", "read", "acknowledge", "read"]),
        ([answer, look, wait], ["send", "read", "acknowledge", "read"]),
    ],
    ids=["first", "more of it", "after an answer", "an answer, then more", "after a look"],
)
def test_whoever_waits_for_more_of_what_came_has_it_acknowledged_first(
    steps: list[Callable[[Transport], None]], asked: list[str]
) -> None:
    """A peer with Nagle's algorithm sends the rest only then; an answer acknowledges by itself."""
    recording = Recording()
    transport = Transport(recording, send_timeout=0)  # type: ignore[arg-type]
    for step in steps:
        step(transport)
    assert recording.asked == asked


def test_a_message_of_very_many_parts_is_sent_whole() -> None:
    """The kernel takes 1,024 at once: 8 MB in PDUs of 16 KB, each a header and data, are more."""
    ours, theirs = socket.socketpair()
    parts = [number.to_bytes(4, "big") * 64 for number in range(5000)]
    got = bytearray()

    def read() -> None:
        while piece := theirs.recv(1 << 16):
            got.extend(piece)

    with ours, theirs:
        reader = threading.Thread(target=read)
        reader.start()
        Transport(ours, send_timeout=30).send(parts)
        ours.shutdown(socket.SHUT_WR)
        reader.join(30)
    assert bytes(got) == b"".join(parts), "in order, nothing twice"
