"""A proxy with faults, between a client and a store that speaks HTTP."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Exchange", "Fault", "Proxy"]

_OBJECT = 1000  # bytes; what is sent beside objects is less

Fault = Callable[["Exchange"], bool]
"""Called with each exchange; True when it has dealt with it."""


class Exchange(BaseHTTPRequestHandler):
    """One request on its way through the proxy."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a body waits 40 ms for the delayed ACK of its head

    def handle_one(self) -> None:
        """Let the next fault have it, or answer as the server does."""
        proxy = self._proxy
        self.close_connection = True
        size = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(size)
        if len(self.body) < size:
            return  # the client went away; the server would wait for the rest of it
        proxy.seen.append(f"{self.command} {self.path}")
        with proxy.mutex:
            fault = proxy.faults.pop(0) if proxy.faults else proxy.always
        if fault is None or not fault(self):
            self.answer(*self.ask())

    def __getattr__(self, name: str) -> Any:
        """``do_GET`` and the like."""
        if name.startswith("do_"):
            return self.handle_one
        raise AttributeError(name)

    @property
    def _proxy(self) -> Proxy:
        assert isinstance(self.server, _Server)
        return self.server.proxy

    def ask(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the server says to this request."""
        upstream = urlsplit(self._proxy.upstream).netloc
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
        self.faults: list[Fault | None] = []  # None: nothing happens to that one
        self.always: Fault | None = None
        self.seen: list[str] = []
        self.mutex = threading.Lock()
        self.released = threading.Event()
        self._http = _Server(("127.0.0.1", 0), Exchange)
        self._http.proxy = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}{urlsplit(upstream).path}"

    def close(self) -> None:
        """Stop, and wake whoever waits for an answer."""
        self.released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    # --- faults ---------------------------------------------------------------------------------

    def refuse(self, status: int, code: str = "SlowDown") -> Fault:
        """An error as the answer."""

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

    def silent(self, _exchange: Exchange) -> bool:
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
        """One bit of what is sent of an object changes on its way; lists of parts are smaller."""
        if exchange.command == "PUT" and len(exchange.body) > _OBJECT:
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
