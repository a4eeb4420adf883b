"""A DICOMweb server for the tests, which answers as it is told."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from pydicom import Dataset, dcmread

__all__ = ["WebNode", "refused", "stored"]


def stored(uid: str) -> tuple[int, dict[str, Any]]:
    """The answer that it has the instance."""
    return 200, {"00081199": _sequence(uid)}


def refused(uid: str, reason: int, status: int = 409) -> tuple[int, dict[str, Any]]:
    """The answer that it has not."""
    item = {"00081197": {"vr": "US", "Value": [reason]}}
    return status, {"00081198": _sequence(uid, **item)}


def _sequence(uid: str, **more: Any) -> dict[str, Any]:
    item = {"00081155": {"vr": "UI", "Value": [uid]}, **more}
    return {"vr": "SQ", "Value": [item]}


class WebNode:
    """``answer`` is called with the UID of each instance. A context manager.

    ``arrived`` are the UIDs in their order, ``instances`` what was stored, ``logins`` the
    Authorization of each request.
    """

    def __init__(self) -> None:
        self.answer: Callable[[str], tuple[int, dict[str, Any] | None]] = stored
        self.search_status = 200
        self.arrived: list[str] = []
        self.instances: dict[str, Dataset] = {}
        self.logins: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/dicom-web"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(node: WebNode) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say(node.search_status, [])

        def do_POST(self) -> None:
            node.logins.append(self.headers.get("Authorization", ""))
            boundary = re.search("boundary=(.*)", self.headers["Content-Type"])[1]
            _, part, end = self._body().split(f"--{boundary}".encode())
            assert end == b"--\r\n"
            data = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            dataset = dcmread(io.BytesIO(data))
            uid = str(dataset.SOPInstanceUID)
            node.arrived.append(uid)
            status, told = node.answer(uid)
            if status == 200:
                node.instances[uid] = dataset
            self._say(status, told)

        def _body(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _say(self, status: int, told: object) -> None:
            text = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    return Handler
