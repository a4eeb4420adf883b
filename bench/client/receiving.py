"""The receiving side: instances that come back by C-GET, or by C-MOVE on an association of theirs.

Data sets are counted and dropped, so that no disk and no parser of ours slows a peer down.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.client.clock import Clock, Sample
from bench.client.encode import RELEASE_RP, associate_accept, message, store_response
from bench.client.wire import Pdv, Refused, Stream

__all__ = ["Arrivals", "Receiver", "Tally", "elements_of"]

_ASSOCIATE_RQ, _P_DATA, _RELEASE_RQ = 1, 4, 5
_C_STORE_RQ = 0x0001
_ELEMENT = struct.Struct("<HHI")


def elements_of(encoded: bytes | memoryview) -> dict[int, bytes]:
    """The elements of a command set by number (PS3.7 6.3.1)."""
    data, position, found = bytes(encoded), 0, {}
    while position + 8 <= len(data):
        _, number, length = _ELEMENT.unpack_from(data, position)
        found[number] = data[position + 8 : position + 8 + length]
        position += 8 + length
    return found


@dataclass
class Tally:
    """What has been received: whole instances, and bytes of data sets."""

    instances: int = 0
    size: int = 0

    def opened(self) -> None:
        """Somebody wants an association."""

    def arrived(self) -> None:
        """An instance is here."""
        self.instances += 1


class Arrivals(Tally):
    """Times what comes: from the first association on until there are ``expected`` instances."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self._expected = expected
        self._clock = Clock()
        self._all_here = threading.Event()

    def opened(self) -> None:
        """The first one starts the clock."""
        if not self.instances:
            self._clock.__enter__()

    def arrived(self) -> None:
        """The last one stops it."""
        super().arrived()
        if self.instances == self._expected:
            self._clock.__exit__()
            self._all_here.set()

    def sample(self, seconds: float) -> Sample:
        """What was measured, when all are here. Raises `Refused` when they are not in time."""
        if not self._all_here.wait(seconds):
            raise Refused(f"{self.instances} of {self._expected} instances arrived in {seconds} s")
        return self._clock.sample(self.instances, bytes=self.size)


class InstanceSink:
    """Answers C-STORE requests on one socket and counts what came."""

    def __init__(self, sock: socket.socket, tally: Tally) -> None:
        self._socket = sock
        self._tally = tally
        self._storing: Mapping[int, bytes] | None = None

    def take(self, pdv: Pdv) -> dict[int, bytes] | None:
        """Take a PDV in; the command, when it is complete and no C-STORE request.

        A command set of a peer fits one PDV: none of the peers splits it.
        """
        if not pdv.is_command:
            self._tally.size += len(pdv.data)
            if pdv.last and self._storing is not None:
                self._tally.arrived()
                self._acknowledge(pdv.context_id)
            return None
        elements = elements_of(pdv.data)
        if int.from_bytes(elements[0x0100], "little") != _C_STORE_RQ:
            self._storing = None
            return elements
        self._storing = elements
        return None

    def _acknowledge(self, context_id: int) -> None:
        assert self._storing is not None
        response = store_response(
            int.from_bytes(self._storing[0x0110], "little"),
            self._storing[0x0002].decode().rstrip("\0"),
            self._storing[0x1000].decode().rstrip("\0"),
        )
        self._socket.sendmsg(message(context_id, response))


class Receiver:
    """A storage SCP that takes everything, for C-MOVE. Listens until the process ends."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listening.getsockname()[1]
        self.tally = Tally()
        threading.Thread(target=self._accept, name="receiver", daemon=True).start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listening.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(sock,), daemon=True).start()

    def _converse(self, sock: socket.socket) -> None:
        stream = Stream(sock)
        with contextlib.closing(sock), contextlib.suppress(Refused, OSError):
            kind, body = stream.next_pdu()
            if kind != _ASSOCIATE_RQ:
                return
            self.tally.opened()
            sock.sendall(_accept_everything(bytes(body)))
            sink = InstanceSink(sock, self.tally)
            try:
                for pdv in stream.pdvs():
                    sink.take(pdv)
            except Refused:  # a release, or the end
                sock.sendall(RELEASE_RP)


def _accept_everything(request: bytes) -> bytes:
    """The A-ASSOCIATE-AC that takes each context with the first transfer syntax proposed."""
    accepted = {}
    for kind, value in _items(request[68:]):
        if kind == 0x20:
            syntaxes = [v.decode().rstrip("\0") for k, v in _items(value[4:]) if k == 0x40]
            accepted[value[0]] = syntaxes[0]
    called, calling = request[4:20].decode().strip(), request[20:36].decode().strip()
    return associate_accept(calling, called, accepted)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(data):
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        yield data[position], data[position + 4 : position + 4 + length]
        position += 4 + length
