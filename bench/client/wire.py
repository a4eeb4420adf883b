"""One association of the client over a blocking socket, with as little parsing as possible."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from bench.client.encode import RELEASE_RQ, Buffers

__all__ = ["Accepted", "Association", "Pdv", "Refused", "Stream", "connect", "status_in"]

_ASSOCIATE_AC, _P_DATA, _RELEASE_RP, _ABORT = 2, 4, 6, 7
_HEADER = struct.Struct(">BxI")
_PDV = struct.Struct(">IBB")
_ELEMENT = struct.Struct("<HHI")
_STATUS = 0x0900
_BUFFERS_AT_ONCE = 512  # IOV_MAX is 1024
_BUFFER = 1 << 20


class Refused(Exception):
    """The peer rejected, aborted, or answered what was not asked for."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an A-ASSOCIATE-AC says: the peer's longest PDU, and the accepted contexts."""

    max_pdu: int
    contexts: dict[int, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, body: bytes | memoryview) -> Accepted:
        """Read the variable items of an A-ASSOCIATE-AC without its header (PS3.8 9.3.3)."""
        max_pdu, contexts = 0, {}
        for kind, value in _items(bytes(body[68:])):
            if kind == 0x21 and value[2] == 0:
                contexts[value[0]] = value[8:].decode().rstrip("\0")
            elif kind == 0x50:
                for sub_kind, sub_value in _items(value):
                    if sub_kind == 0x51:
                        max_pdu = int.from_bytes(sub_value, "big")
        return cls(max_pdu, contexts)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(data):
        kind, length = data[position], int.from_bytes(data[position + 2 : position + 4], "big")
        yield kind, data[position + 4 : position + 4 + length]
        position += 4 + length


def status_in(encoded_command: bytes | memoryview) -> int:
    """Status (0000,0900) of an encoded response."""
    position = 0
    while position + 8 <= len(encoded_command):
        _, number, length = _ELEMENT.unpack_from(encoded_command, position)
        position += 8
        if number == _STATUS:
            return encoded_command[position] | encoded_command[position + 1] << 8
        position += length
    raise Refused("a message without a status came where a response is due")


@dataclass(frozen=True, slots=True)
class Pdv:
    """One presentation data value; ``data`` is valid until the next read."""

    context_id: int
    is_command: bool
    last: bool
    data: memoryview


class Stream:
    """Reads PDUs from a socket into one buffer that is used again and again."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0

    def _need(self, size: int) -> None:
        """Have ``size`` bytes from ``_start`` on."""
        if self._start + size > _BUFFER:
            held = self._end - self._start
            self._buffer[:held] = bytes(self._view[self._start : self._end])
            self._start, self._end = 0, held
        while self._end - self._start < size:
            got = self.socket.recv_into(self._view[self._end :])
            if not got:
                raise Refused("the peer closed the connection")
            self._end += got

    def next_pdu(self) -> tuple[int, memoryview]:
        """Type and body of the next PDU; the body is valid until the next call."""
        if self._start == self._end:
            self._start = self._end = 0
        self._need(6)
        kind, length = _HEADER.unpack_from(self._buffer, self._start)
        self._need(6 + length)
        body = self._view[self._start + 6 : self._start + 6 + length]
        self._start += 6 + length
        return kind, body

    def pdvs(self) -> Iterator[Pdv]:
        """Presentation data values for as long as P-DATA comes. Raises Refused for other PDUs."""
        while True:
            kind, body = self.next_pdu()
            if kind != _P_DATA:
                raise Refused(f"a PDU of type {kind} came where data is due")
            position = 0
            while position < len(body):
                length, context_id, control = _PDV.unpack_from(body, position)
                data = body[position + 6 : position + 4 + length]
                yield Pdv(context_id, bool(control & 1), bool(control & 2), data)
                position += 4 + length


class Association:
    """An established association. ``accepted`` is what the peer agreed to."""

    def __init__(self, sock: socket.socket, request: bytes) -> None:
        self.socket = sock
        self.stream = Stream(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(request)
        kind, body = self.stream.next_pdu()
        if kind != _ASSOCIATE_AC:
            raise Refused(f"the association was answered with a PDU of type {kind}")
        self.accepted = Accepted.parse(body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Close, if it was not released."""
        self.socket.close()

    def send(self, buffers: Buffers) -> None:
        """Send a whole message."""
        for start in range(0, len(buffers), _BUFFERS_AT_ONCE):
            self._send(buffers[start : start + _BUFFERS_AT_ONCE])

    def _send(self, buffers: Buffers) -> None:
        sent = self.socket.sendmsg(buffers)
        for buffer in buffers:
            if sent >= len(buffer):
                sent -= len(buffer)
            else:
                self.socket.sendall(memoryview(buffer)[sent:])
                sent = 0

    def exchange(self, buffers: Buffers) -> int:
        """Send a message that is answered by one command without a data set; its status."""
        self.send(buffers)
        kind, body = self.stream.next_pdu()
        if kind != _P_DATA:
            raise Refused(f"a PDU of type {kind} came where a response is due")
        return status_in(body[_PDV.size :])

    def release(self) -> None:
        """Release, and close."""
        self.socket.sendall(RELEASE_RQ)
        kind, _ = self.stream.next_pdu()
        if kind != _RELEASE_RP:
            raise Refused(f"a release was answered with a PDU of type {kind}")
        self.socket.close()

    def wait_for_end(self) -> bool:
        """Wait until the peer ends the association; whether it sent an A-ABORT first."""
        try:
            kind, _ = self.stream.next_pdu()
        except (Refused, OSError):
            return False
        finally:
            self.socket.close()
        return kind == _ABORT


def connect(address: tuple[str, int], request: bytes, *, seconds: float = 60) -> Association:
    """Connect and associate. Raises Refused, OSError, TimeoutError after ``seconds`` of silence."""
    sock = socket.create_connection(address, timeout=seconds)
    # Options of the socket instead of Python's time-out, which costs a poll() before each call.
    sock.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", int(seconds), 0))
    try:
        return Association(sock, request)
    except BaseException:
        sock.close()
        raise
