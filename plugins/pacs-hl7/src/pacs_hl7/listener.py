"""The MLLP listener: connections, blocks, limits. The server is that of the `hl7` library."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from hl7.mllp import HL7StreamReader, HL7StreamWriter, start_hl7_server

from pacs_framework.errors import ConfigurationError
from pacs_framework.network.tls import server_context
from pacs_hl7.faults import Code, Fault

if TYPE_CHECKING:
    from pacs_hl7.handling import Handler
    from pacs_hl7.settings import Hl7Settings

__all__ = ["Listener"]

_START, _END = b"\x0b", b"\x1c\x0d"
_BETWEEN = b"\r\n"  # what some senders put between blocks
_HEAD = 4096  # bytes of a message that is too large that its answer is made of

_log = structlog.get_logger(__name__)


class Listener:
    """Takes connections until `stop`; each has one message in hand at a time.

    ``workers`` are where messages are carried out, because that blocks. All methods belong to the
    thread of the event loop.
    """

    def __init__(self, handler: Handler, settings: Hl7Settings, workers: Executor) -> None:
        self._handler = handler
        self._settings = settings
        self._workers = workers
        self._connections: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> tuple[str, int]:
        """Begin to listen; the address. Raises `ConfigurationError` where that cannot be."""
        settings = self._settings
        try:
            self._server = await start_hl7_server(  # type: ignore[no-untyped-call]
                self._connected,
                settings.host,
                settings.port,
                limit=settings.max_message,
                ssl=_tls(settings),
            )
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen for HL7 on host {settings.host!r}, port {settings.port}: {error}; "
                "choose another one in [plugin.hl7]"
            ) from error
        host, port = self._server.sockets[0].getsockname()[:2]
        _log.info("listening for HL7", host=host, port=port, tls=settings.certificate is not None)
        return host, port

    async def stop(self) -> None:
        """Close everything; a message that is in hand is carried out and answered first."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections - self._busy:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    def _connected(self, reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if len(self._connections) >= self._settings.max_connections:
            _log.warning("too many HL7 connections; one is closed", address=address)
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer, address))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: HL7StreamReader, writer: HL7StreamWriter, address: str) -> None:
        try:
            while await self._begun(reader):
                if not await self._one(reader, writer, address):
                    break
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            _log.info("HL7 connection ended", address=address, cause=type(error).__name__)
        except _NotMllp as error:
            _log.warning("HL7 connection closed", address=address, reason=str(error))
        except asyncio.CancelledError:
            writer.transport.abort()  # a stop does not wait for the end of TLS
            raise
        finally:
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _begun(self, reader: HL7StreamReader) -> bool:
        """Wait for the first byte of a block; False where the sender has closed."""
        async with asyncio.timeout(self._settings.idle_timeout):
            while (byte := await reader.read(1)) != _START:
                if not byte:
                    return False
                if byte not in _BETWEEN:
                    raise _NotMllp("the bytes between messages are no MLLP")
        return True

    async def _one(self, reader: HL7StreamReader, writer: HL7StreamWriter, address: str) -> bool:
        """Read one message and answer it; False where nothing can follow."""
        this = asyncio.current_task()
        assert this is not None
        try:
            async with asyncio.timeout(self._settings.message_timeout):
                data = (await reader.readuntil(_END))[: -len(_END)]
        except asyncio.LimitOverrunError:
            head = await reader.read(_HEAD)
            fault = Fault(
                f"the message has more than {self._settings.max_message} bytes", code=Code.REJECT
            )
            await self._answer(writer, lambda: self._handler.refuse(head, address, fault))
            return False
        self._busy.add(this)
        try:
            await self._answer(writer, lambda: self._handler.handle(data, address))
        finally:
            self._busy.discard(this)
        assert self._server is not None
        return self._server.is_serving()

    async def _answer(self, writer: HL7StreamWriter, work: Callable[[], list[bytes]]) -> None:
        for answer in await asyncio.get_running_loop().run_in_executor(self._workers, work):
            writer.writeblock(answer)  # type: ignore[no-untyped-call]
        async with asyncio.timeout(self._settings.message_timeout):
            await writer.drain()


class _NotMllp(Exception):
    """The peer does not keep to the framing; nothing can be answered."""


def _tls(settings: Hl7Settings) -> ssl.SSLContext | None:
    if settings.certificate is None:
        return None
    return server_context(
        settings.certificate,
        settings.key,
        ca=settings.client_ca,
        client_certificates="none" if settings.client_ca is None else "required",
    )
