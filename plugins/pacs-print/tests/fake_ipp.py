"""A printer of IPP that answers as a test wants it."""

from __future__ import annotations

import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pacs_framework.testing.certificates import Certificates
from pacs_print.outputs.ipp.message import Operation, Reply

PDF = b"%PDF-"


def text(name: str, value: str, tag: int = 0x44) -> bytes:
    return (
        struct.pack(f">BH{len(name)}sH", tag, len(name), name.encode(), len(value)) + value.encode()
    )


def number(name: str, value: int, tag: int = 0x21) -> bytes:
    return struct.pack(f">BH{len(name)}sHi", tag, len(name), name.encode(), 4, value)


def boolean(name: str, value: bool) -> bytes:
    return struct.pack(f">BH{len(name)}sHB", 0x22, len(name), name.encode(), 1, value)


def answer(status: int = 0, *attributes: bytes) -> bytes:
    return struct.pack(">BBHIB", 1, 1, status, 1, 4) + b"".join(attributes) + b"\x03"


class FakePrinter:
    """Answers every operation with what stands in ``answers``; remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[int, bytes] = {}
        self.status = 200
        self.asked: list[tuple[int, Reply, bytes]] = []
        self.heads: list[bytes] = []
        self.uri = ""

    def take(self, body: bytes) -> bytes:
        operation = struct.unpack_from(">H", body, 2)[0]
        head, _, document = body.partition(b"\x03" + PDF)
        self.heads.append(head)
        self.asked.append((operation, Reply.read(head + b"\x03"), PDF + document))
        return self.answers.get(operation, answer(0, number("job-id", 7)))

    def operations(self) -> list[Operation]:
        return [Operation(operation) for operation, _, _ in self.asked]


@contextmanager
def fake_printer(certificates: Certificates | None = None) -> Iterator[FakePrinter]:
    """One on a free port, with TLS where there are certificates."""
    made = FakePrinter()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = made.take(self._body())
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self) -> bytes:
            if "Content-Length" in self.headers:
                return self.rfile.read(int(self.headers["Content-Length"]))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificates is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates.server)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "ipp" if certificates is None else "ipps"
    made.uri = f"{scheme}://127.0.0.1:{server.server_port}/ipp/print"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
