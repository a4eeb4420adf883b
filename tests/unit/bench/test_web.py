"""The HTTP client of the bench: every answer is waited for to its end, and has to be one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from bench.client import web

_BODY = b"[" + b"x" * 5000 + b"]"


class Handler(BaseHTTPRequestHandler):
    """Answers with a length, in chunks, with an error, or not at all."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """By the last word of the address."""
        if self.path == "/silent":
            self.close_connection = True
            return
        self.send_response(404 if self.path == "/missing" else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (_BODY[:7], _BODY[7:], b""):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
            return
        self.send_header("Content-Length", str(len(_BODY)))
        self.end_headers()
        self.wfile.write(_BODY[:9])
        self.wfile.flush()
        self.wfile.write(_BODY[9:])

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/length", "/chunked"])
def test_all_bytes_of_all_answers_are_counted(port: int, path: str) -> None:
    sample = web.ask(port, path, "application/json", 5)
    assert (sample.count, sample.figures["bytes"]) == (5, 5 * len(_BODY))
    assert sample.seconds > 0


def test_an_answer_that_is_no_success_is_no_figure(port: int) -> None:
    with pytest.raises(ValueError, match="/missing was answered with 404"):
        web.ask(port, "/missing", "application/json", 2)


def test_a_server_that_hangs_up_is_no_figure(port: int) -> None:
    with pytest.raises(ValueError, match="closed over /silent"):
        web.ask(port, "/silent", "application/json", 2)
