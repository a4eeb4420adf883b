"""DICOMweb requests as a client process makes them: plain HTTP/1.1 on one connection."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack

import httptools
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian

from bench.client.tasks import Sample
from bench.data import Instance, Uids, instances, kind_named

__all__ = ["ask", "fetch", "fetch_slowly", "store"]

_BLOCK = 1 << 20
_MOST_AT_ONCE = 512  # pieces in one call; Linux knows 1024 at most


def fetch(port: int, paths: Sequence[str], accept: str) -> Sample:
    """GET each of ``paths`` on one connection; the figures have the ``bytes`` of all bodies.

    Raises ValueError for another answer than 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.connect()
    buffer = memoryview(bytearray(_BLOCK))
    size = 0
    wall, cpu = time.perf_counter(), time.process_time()
    for path in paths:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise ValueError(f"{path} was answered with {answer.status}")
        while count := answer.readinto(buffer):
            size += count
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    connection.close()
    return Sample(count=len(paths), seconds=wall, client_cpu=cpu, figures={"bytes": size})


class _Answers:
    """What a parser tells of the answers on one connection."""

    def __init__(self) -> None:
        self.size = self.whole = 0

    def on_body(self, body: bytes) -> None:
        """A piece of one."""
        self.size += len(body)

    def on_message_complete(self) -> None:
        """The end of one."""
        self.whole += 1


def ask(port: int, path: str, accept: str, times: int) -> Sample:
    """GET ``path`` on one connection so many ``times``, for answers that are short.

    Python's own client takes longer over such an answer than some servers; this one parses it in C.
    The figures have the ``bytes`` of all bodies. Raises ValueError for another answer than 200.
    """
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: {accept}\r\n\r\n".encode()
    answers = _Answers()
    parser = httptools.HttpResponseParser(answers)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(1, times + 1):
            connection.sendall(head)
            while answers.whole < number:
                # A server that sends a head and waits for it to be acknowledged would else wait for
                # 40 ms of ours now and then.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                data = connection.recv(_BLOCK)
                if not data:
                    raise ValueError(f"the connection was closed over {path}")
                parser.feed_data(data)
            if parser.get_status_code() != http.client.OK:
                raise ValueError(f"{path} was answered with {parser.get_status_code()}")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Sample(count=times, seconds=wall, client_cpu=cpu, figures={"bytes": answers.size})


_STORED = b"00081155"


def store(port: int, kind: str, count: int, run: str) -> Sample:
    """POST ``count`` new instances of one study in one request (STOW-RS).

    The body goes out as one, as from a client that has it in memory: in a call for each of its
    pieces, most would be of a few bytes, and wake the server for them. Raises ValueError where not
    all of them are told as stored.
    """
    pieces: list[bytes | memoryview] = []
    for instance in instances(kind_named(kind), Uids(run), count):
        pieces += [b"\r\n--bench\r\nContent-Type: application/dicom\r\n\r\n", _file_head(instance)]
        pieces += instance.pieces()
    pieces.append(b"\r\n--bench--\r\n")
    headers = {
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=bench',
        "Content-Length": str(sum(map(len, pieces))),
        "Accept": "application/dicom+json",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.connect()
    wall, cpu = time.perf_counter(), time.process_time()
    connection.request("POST", "/dicom-web/studies", headers=headers)
    _send_all(connection.sock, [memoryview(piece) for piece in pieces])
    answer = connection.getresponse()
    body = answer.read()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    connection.close()
    if answer.status != http.client.OK or body.count(_STORED) != count:
        raise ValueError(f"of {count} instances {body.count(_STORED)}, status {answer.status}")
    return Sample(count=count, seconds=wall, client_cpu=cpu)


def _send_all(connection: socket.socket, pieces: list[memoryview]) -> None:
    """Send all pieces, as many in one call as the system takes."""
    first = 0
    while first < len(pieces):
        sent = connection.sendmsg(pieces[first : first + _MOST_AT_ONCE])
        while first < len(pieces) and sent >= len(pieces[first]):
            sent -= len(pieces[first])
            first += 1
        if sent:
            pieces[first] = pieces[first][sent:]


def _file_head(instance: Instance) -> bytes:
    """What stands in front of the data set in a file (PS3.10)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(instance.kind.sop_class)
    meta.MediaStorageSOPInstanceUID = UID(instance.sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    write_file_meta_info(DicomFileLike(buffer), meta, enforce_standard=True)
    return bytes(128) + b"DICM" + buffer.getvalue()


def fetch_slowly(port: int, path: str, accept: str, readers: int, room: int) -> Sample:
    """GET ``path`` by so many ``readers`` at once, each with ``room`` bytes of its own.

    They take turns, so each of them waits for all the others after every block; the figures have
    the ``bytes`` of all bodies. The server is asked to close, so the end of a body is that of the
    connection.
    """
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: {accept}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    buffer = memoryview(bytearray(room))
    size = 0
    wall, cpu = time.perf_counter(), time.process_time()
    with ExitStack() as stack:
        waiting = []
        for _ in range(readers):
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            reader.settimeout(120)
            reader.connect(("127.0.0.1", port))
            reader.sendall(request)
            waiting.append(reader)
        while waiting:
            for reader in tuple(waiting):
                count = reader.recv_into(buffer)
                size += count
                if not count:
                    waiting.remove(reader)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Sample(count=readers, seconds=wall, client_cpu=cpu, figures={"bytes": size})
