"""Many associations that store at once, driven by one thread with epoll.

Each association sends its next instance when the last one is acknowledged, as modalities do. A
peer may take its time to accept: the associations go on independently of each other.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Sequence
from itertools import cycle

from bench.client.encode import RELEASE_RQ, Buffers
from bench.client.wire import Accepted, Refused, status_in

__all__ = ["Messages", "store_all"]

_ASSOCIATE_AC, _P_DATA, _RELEASE_RP = 2, 4, 6
_HEADER = struct.Struct(">BxI")
_BUFFERS_AT_ONCE = 512
_BLOCK = 1 << 16
_PDV_HEADER = 6

Messages = Callable[[int], Sequence[Callable[[], Buffers]]]
"""What one association sends, once the peer's longest PDU is known: one function a message."""


class _Sender:
    """One association: request, messages one after the other, release."""

    def __init__(self, address: tuple[str, int], request: bytes, messages: Messages) -> None:
        self.socket = socket.create_connection(address, timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.stored = 0
        self.done = False
        self.failed: list[int] = []
        self._messages = messages
        self._queue: Sequence[Callable[[], Buffers]] = ()
        self._next = 0
        self._out: Buffers = [request]
        self._out_index = 0
        self._in = bytearray()
        self._accepted = False

    def send(self) -> bool:
        """Send what is due; whether something is left because the socket is full."""
        while self._out_index < len(self._out):
            some = self._out[self._out_index : self._out_index + _BUFFERS_AT_ONCE]
            try:
                sent = self.socket.sendmsg(some)
            except BlockingIOError:
                return True
            self._advance(sent)
        return False

    def _advance(self, sent: int) -> None:
        while sent:
            buffer = self._out[self._out_index]
            if sent < len(buffer):
                self._out[self._out_index] = memoryview(buffer)[sent:]
                return
            sent -= len(buffer)
            self._out_index += 1

    def receive(self) -> None:
        """Take in what is there; a complete answer makes the next message due."""
        try:
            data = self.socket.recv(_BLOCK)
        except BlockingIOError:
            return
        if not data:
            raise Refused("the peer closed the connection")
        self._in += data
        while len(self._in) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._in)
            if len(self._in) < 6 + length:
                return
            body = bytes(self._in[6 : 6 + length])
            del self._in[: 6 + length]
            self._answered(kind, body)

    def _answered(self, kind: int, body: bytes) -> None:
        if kind == _RELEASE_RP:
            self.done = True
            return
        if kind == _ASSOCIATE_AC and not self._accepted:
            self._accepted = True
            self._queue = self._messages(Accepted.parse(body).max_pdu)
        elif kind == _P_DATA and self._accepted:
            status = status_in(memoryview(body)[_PDV_HEADER:])
            self.stored += status == 0
            if status:
                self.failed.append(status)
        else:
            raise Refused(f"a PDU of type {kind} came unasked")
        self._make_due()

    def _make_due(self) -> None:
        self._out_index = 0
        if self._next < len(self._queue):
            self._out = self._queue[self._next]()
            self._next += 1
        else:
            self._out = [RELEASE_RQ]


def store_all(
    addresses: Sequence[tuple[str, int]], request: bytes, plans: Sequence[Messages]
) -> int:
    """Run one association for each plan; the number of instances stored with status 0000H.

    Plans take turns between ``addresses``.

    Raises Refused where the peer rejects, aborts, closes or answers another status, and
    TimeoutError when nothing at all happens for a minute.
    """
    poll = select.epoll()
    senders: dict[int, _Sender] = {}
    try:
        for plan, address in zip(plans, cycle(addresses), strict=False):
            sender = _Sender(address, request, plan)
            senders[sender.socket.fileno()] = sender
            poll.register(sender.socket, select.EPOLLIN | select.EPOLLOUT)
        _drive(poll, senders)
    finally:
        poll.close()
        for sender in senders.values():
            sender.socket.close()
    failed = [status for sender in senders.values() for status in sender.failed]
    if failed:
        raise Refused(f"{len(failed)} instances were refused, the first with {failed[0]:04X}H")
    return sum(sender.stored for sender in senders.values())


def _drive(poll: select.epoll, senders: dict[int, _Sender]) -> None:
    watched = dict.fromkeys(senders, select.EPOLLIN | select.EPOLLOUT)
    left = len(senders)
    while left:
        ready = poll.poll(60)
        if not ready:
            raise TimeoutError("nothing happened for a minute")
        for number, what in ready:
            sender = senders[number]
            if what & ~select.EPOLLOUT:
                sender.receive()
            if sender.done:
                # Closed at once: a peer with one process waits for it before it takes the next.
                poll.unregister(number)
                sender.socket.close()
                left -= 1
                continue
            wanted = select.EPOLLIN | (select.EPOLLOUT if sender.send() else 0)
            if wanted != watched[number]:
                poll.modify(number, wanted)
                watched[number] = wanted
