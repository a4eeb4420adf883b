"""An S3 server for all tests, a proxy with faults before it, and backends on a prefix of a test."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
import pytest
import structlog
from obstore.store import S3Store

from pacs_storage_s3.backend import S3Backend, open_backend
from pacs_storage_s3.serving import PrivateS3, S3Missing
from pacs_storage_s3.settings import Settings


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateS3]:
    """rclone; skips where it is missing."""
    try:
        private = PrivateS3()
    except S3Missing as missing:
        pytest.skip(str(missing))
    with private:
        # What the library waits with is opened once and stays open.
        store = S3Store(
            "pacs",
            endpoint=private.endpoint,
            client_options={"allow_http": True},
            skip_signature=True,
        )
        with suppress(Exception):
            obstore.head(store, "x")
        yield private


@dataclass(frozen=True)
class Place:
    """A prefix of one test: `open` a backend on it, as often as it takes."""

    server: PrivateS3
    folder: Path
    url: str
    opened: list[S3Backend] = field(default_factory=list)

    def settings(self, **changed: Any) -> Settings:
        given = {
            "endpoint": self.server.endpoint,
            "credentials_file": self.server.credentials_file,
            "state": self.folder / "state",
            "check_writes": "store",
            **changed,
        }
        return Settings(**given)

    def open(self, **changed: Any) -> S3Backend:
        backend = open_backend(self.url, self.settings(**changed))
        self.opened.append(backend)
        return backend

    def toml(self, **changed: Any) -> str:
        settings = self.settings(**changed)
        section = settings.model_dump(mode="json", exclude_unset=True)
        lines = "".join(f"{key} = {value!r}\n" for key, value in section.items())
        return f'[storage]\nurl = "{self.url}"\n[plugin.storage-s3]\n{lines}'

    def file(self, key: str) -> Path:
        """The file that the server keeps an object in."""
        return self.server.bucket / self.url.removeprefix("s3://pacs/") / key


@pytest.fixture
def place(server: PrivateS3, tmp_path: Path) -> Iterator[Place]:
    made = Place(server=server, folder=tmp_path, url=f"s3://pacs/{tmp_path.name}")
    yield made
    for backend in made.opened:
        backend.close()


Fault = Callable[["Exchange"], bool]
"""Called with each exchange; True when it has dealt with it."""


class Exchange(BaseHTTPRequestHandler):
    """One request on its way through the proxy."""

    protocol_version = "HTTP/1.1"

    def handle_one(self) -> None:
        proxy: Proxy = self.server.proxy
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy.seen.append(f"{self.command} {self.path}")
        with proxy.mutex:
            fault = proxy.faults.pop(0) if proxy.faults else proxy.always
        if fault is None or not fault(self):
            self.answer(*self.ask())
        self.close_connection = True

    def __getattr__(self, name: str) -> Any:
        """``do_GET`` and the like."""
        if name.startswith("do_"):
            return self.handle_one
        raise AttributeError(name)

    def ask(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the server says to this request."""
        upstream = urlsplit(self.server.proxy.upstream).netloc
        connection = http.client.HTTPConnection(upstream)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
        connection.request(self.command, self.path, body=self.body or None, headers=headers)
        found = connection.getresponse()
        data = found.read()
        connection.close()
        return found.status, found.getheaders(), data

    def answer(
        self,
        status: int,
        headers: list[tuple[str, str]],
        data: bytes,
        *,
        size: int | None = None,
    ) -> None:
        """Send it; ``size`` of the bytes only."""
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "content-length", "transfer-encoding"}:
                self.send_header(name, value)
        length = {k.lower(): v for k, v in headers}.get("content-length", str(len(data)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:size])

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Proxy:
    """Between us and the server: ``faults`` happen to the next requests, ``always`` to others."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.seen: list[str] = []
        self.mutex = threading.Lock()
        self.released = threading.Event()
        self._http = _Server(("127.0.0.1", 0), Exchange)
        self._http.proxy = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    # --- faults ---------------------------------------------------------------------------------

    def refuse(self, status: int, code: str = "SlowDown") -> Fault:
        def fault(exchange: Exchange) -> bool:
            exchange.answer(status, [], b"<Error><Code>%s</Code></Error>" % code.encode())
            return True

        return fault

    def half(self, size: int = 1000) -> Fault:
        """The head of the answer, and that many bytes of its body."""

        def fault(exchange: Exchange) -> bool:
            exchange.answer(*exchange.ask(), size=size)
            return True

        return fault

    def reset(self, exchange: Exchange) -> bool:
        """No answer at all."""
        exchange.connection.close()
        return True

    def silent(self, exchange: Exchange) -> bool:
        """No answer, and the connection stays."""
        self.released.wait(60)
        return True

    def lost(self, exchange: Exchange) -> bool:
        """The store does it, and nobody hears of it."""
        exchange.ask()
        exchange.connection.close()
        return True

    def flipped_answer(self, exchange: Exchange) -> bool:
        """One bit of what is given back changes on its way."""
        status, headers, data = exchange.ask()
        exchange.answer(status, headers, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        return True

    def flipped(self, exchange: Exchange) -> bool:
        """One bit of what is sent changes on its way."""
        if exchange.command == "PUT" and exchange.body:
            middle = len(exchange.body) // 2
            body = bytearray(exchange.body)
            body[middle] ^= 1
            exchange.body = bytes(body)
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    proxy: Proxy

    def handle_error(self, *_: object) -> None:
        """A client that went away is what the tests are about."""


@pytest.fixture
def proxy(server: PrivateS3) -> Iterator[Proxy]:
    made = Proxy(server.endpoint)
    yield made
    made.close()


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """What is logged, as records."""
    with structlog.testing.capture_logs() as records:
        yield records
