"""uvicorn's HTTP/1.1 connections, with the bounds that it leaves to others.

Slow and endless heads, connections beyond the bound, and answers that nobody reads end here; what
is refused here is told as problem details, too.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pacs_framework.network.tls import subject_of_certificate
from pacs_http.server.gathering import Gathering
from pacs_http.server.handshake import is_handshake, without_upgrade
from pacs_http.server.lent_body import LentBody
from pacs_http.server.lent_connection import LentConnection
from pacs_http.server.line import Line
from pacs_http.server.outgoing import LINE
from pacs_http.server.refused import (
    Refused,
    answer_of,
    check_spoken,
    head_too_long,
    no_request,
)

__all__ = ["BoundedProtocol", "Bounds"]

_log = structlog.get_logger("pacs_http")

_LINGER = 2.0
_NAMING = {"DNS", "URI", "email"}
_MOST_OVERHEARD = 1 << 20
_TURNS = 8  # of the event loop, in which a head should have gone out


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a connection may take: bytes and seconds, and how many there may be."""

    connections: int
    header_bytes: int
    header_seconds: float
    network_seconds: float


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, bounds: Bounds, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._bounds = bounds
        self.ended = asyncio.Event()
        self._in_head = self._head_began = True
        self._head_bytes = self._counted = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._abort_timer: asyncio.TimerHandle | None = None
        self._plain_head = self._handshake = b""
        self._deaf = False
        self._overheard = 0
        self._tls_subject = ""
        self._tls_names: tuple[str, ...] = ()
        self._line: Line | None = None
        self._body = LentBody(self)
        self._whole = LentConnection(self)

    # --- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Refuse it when there are too many."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > self._bounds.connections:
            self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE, "there are as many connections as there may be"
            )
            return
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            certificate = tls.getpeercert()
            self._tls_subject = subject_of_certificate(certificate)
            self._tls_names = _alternative_names(certificate)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget its timers; a thread that writes hears of it."""
        if self._line is not None:
            self._line.cut()
        self._body.cut()
        self._whole.cut()
        for timer in (self._head_timer, self._abort_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.ended.set()

    def eof_received(self) -> None:
        """Whoever closes its side has no more to ask; what is under way is still answered."""
        if self._is_idle:
            self.transport.close()

    @property
    def longest_head(self) -> int:
        """Bytes of a request's head."""
        return self._bounds.header_bytes

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    @property
    def _gathering(self) -> Gathering:
        gathering: Any = self.transport
        assert isinstance(gathering, Gathering)
        return gathering

    # --- what comes in --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """As uvicorn, with a bound on heads, and no answer into the middle of another."""
        if self._deaf:
            self._overhear(len(data))
            return
        self._unset_keepalive_if_required()
        if self._in_head:
            self._expect_head()
        self._head_began = self._in_head
        if self._body.passed_by:
            data = self._body.pass_by(data)
        if data:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            if self._handshake:
                self._go_on_as_websocket(rest)
            else:
                self._go_on_without_upgrade(rest)
        except httptools.HttpParserCallbackError as error:
            self._refuse_bad(error.__context__ or error.__cause__)
        except httptools.HttpParserError:
            self._refuse_bad(None)
        else:
            # The parser keeps the beginning of a header line to itself. Where the head began behind
            # something else, all of this is one read, which is bounded.
            self._head_bytes += len(data) if self._in_head and self._head_began else 0
            if self._head_bytes > self._bounds.header_bytes:
                self._refuse_bad(head_too_long(self._bounds.header_bytes))

    def _go_on_as_websocket(self, rest: bytes) -> None:
        """Hand the connection over to who speaks what was asked for.

        Not behind a request that is still worked on, nor before what was said too early.
        """
        if rest or not self._is_idle:
            self._refuse(HTTPStatus.BAD_REQUEST, "a WebSocket begins a connection of its own")
            return
        from pacs_http.server.websocket import BoundedWebSocket  # noqa: PLC0415 - few speak it

        if self._head_timer is not None:
            self._head_timer.cancel()
        self.connections.discard(self)
        websocket = BoundedWebSocket(
            self.config, self.server_state, self.app_state, tls=self._tls_facts()
        )
        websocket.begin(self._gathering.plain, self._handshake)

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Nobody here speaks anything else, so the request is answered as it is (RFC 9110 7.8).

        The parser skips the body of such a request, and does not go on behind it: a new one reads
        the request once more, without the headers that ask for it.
        """
        head, self._plain_head = self._plain_head, b""
        self.begin_to_parse()
        self._feed(head + rest)

    def begin_to_parse(self) -> None:
        """What comes next begins a request, whatever the parser waits for."""
        self.parser = httptools.HttpRequestParser(self)

    def _request_line(self, method: bytes) -> bytes:
        return b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self._whole.begun()
        tls = self._tls_facts()
        if tls:
            self.scope["extensions"] = {"tls": tls}
        elif self.scheme == "http":
            self.scope["extensions"] = {LINE: self._lent()}

    def _lent(self) -> dict[object, object]:
        lent: dict[object, object] = {"lend": self._lend, "lend_inlet": self._body.lend}
        if self._whole.is_likely:
            lent["lend_connection"] = self._whole.lend
        return lent

    def _tls_facts(self) -> dict[object, object]:
        if not self._tls_subject and not self._tls_names:
            return {}
        return {"client_cert_name": self._tls_subject, "client_cert_names": self._tls_names}

    def on_url(self, url: bytes) -> None:
        """Count."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._counted += size
        if self._counted > self._bounds.header_bytes:
            raise head_too_long(self._bounds.header_bytes)

    def on_headers_complete(self) -> None:
        """The head is here in time."""
        check_spoken(self.parser.get_http_version(), self.headers)
        if self.parser.should_upgrade():
            method = self.parser.get_method()
            if self.parser.get_http_version() == "1.1" and is_handshake(method, self.headers):
                lines = [name + b": " + value for name, value in self.headers]
                self._handshake = b"\r\n".join([self._request_line(method), *lines, b"", b""])
            else:
                self._plain_head = without_upgrade(self._request_line(method), self.headers)
            return
        self._in_head = False
        self._counted = self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self._body.begin(self.headers)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """As uvicorn, which copies each piece twice: what is added to empty bytes stays as it is.

        More that comes before the first was taken is gathered in the way of uvicorn.
        """
        self._body.came(len(body))
        cycle: Any = self.cycle
        if cycle is not None and not cycle.body:
            cycle.body = b""
        elif cycle is not None and isinstance(cycle.body, bytes):
            cycle.body = bytearray(cycle.body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What follows is the head of another request."""
        if self._plain_head or self._handshake:
            return
        super().on_message_complete()
        self._in_head, self._head_began = True, False
        self._whole.ended()

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._bounds.header_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self._is_idle:
            self._expect_head()  # of the request behind the one that is worked on
        elif self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the head of the request did not come in time")
        else:
            self._close()

    # --- what goes out --------------------------------------------------------------------------

    async def _lend(self, patience: float) -> Line | None:
        """The line, once nothing that was written here is on its way any more (see `Lend`).

        From then on nothing may be written here until the answer is whole, and nothing is: what
        comes in meanwhile waits, and what is refused while an answer is sent cuts the connection.
        """
        self._gathering.flush()
        for _ in range(_TURNS):
            if self.transport.is_closing():
                return None
            if not self.transport.get_write_buffer_size():
                with suppress(OSError):  # there are no descriptors left
                    handle = os.dup(self.transport.get_extra_info("socket").fileno())
                    self._line = Line(handle, patience=patience)
                    return self._line
                return None
            await asyncio.sleep(0)
        return None

    def on_response_complete(self) -> None:
        """A connection that is closed now waits for its reader only so long."""
        self._gathering.flush()
        self._whole.answered()
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later(self._bounds.network_seconds)

    def timeout_keep_alive_handler(self) -> None:
        """Idle for long; what the client has not read goes with it, after a while."""
        self._close()

    def shutdown(self) -> None:
        """The archive stops."""
        super().shutdown()
        self._whole.want_back()
        if self.transport.is_closing():
            self._abort_later(_LINGER)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
        self._abort_later(self._bounds.network_seconds)

    def _abort_later(self, seconds: float) -> None:
        if self._abort_timer is None:
            self._abort_timer = self.loop.call_later(seconds, self.transport.abort)

    def _overhear(self, size: int) -> None:
        """What a refused client goes on to say; it may not go on for long."""
        self._overheard += size
        if self._overheard > _MOST_OVERHEARD:
            self.transport.abort()

    def _refuse_bad(self, cause: BaseException | None) -> None:
        refused = cause if isinstance(cause, Refused) else no_request()
        self._refuse(refused.status, str(refused))

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer without a request, and listen no more.

        Our side is closed first: with unread bytes around, closing both at once would take the
        answer away from a client that is still sending.
        """
        self._deaf = True
        if self._head_timer is not None:
            self._head_timer.cancel()
        if not self._is_idle:
            if self.pipeline or self.cycle.response_started:
                self.transport.close()
                self._abort_later(_LINGER)
                return
            self.cycle.disconnected = True  # who works on it hears that it has come to nothing
            self.cycle.message_event.set()
        request_id = secrets.token_hex(8)
        _log.info("http request refused", status=status, reason=detail, request_id=request_id)
        self.transport.write(answer_of(status, detail, request_id))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._abort_later(_LINGER)
        else:
            self._close()


def _alternative_names(certificate: Any) -> tuple[str, ...]:
    """Those of a verified certificate that name somebody: ``DNS:…``, ``URI:…``, ``email:…``."""
    names = (certificate or {}).get("subjectAltName", ())
    return tuple(f"{kind}:{name}" for kind, name in names if kind in _NAMING)
