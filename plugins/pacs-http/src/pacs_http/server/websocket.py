"""uvicorn's WebSockets, with the bounds that it leaves to others."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["BoundedWebSocket"]

_LINGER = 2.0


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """One WebSocket, from its handshake on. ``tls`` is what ASGI is told of the client's
    certificate.
    """

    def __init__(self, *arguments: Any, tls: dict[object, object], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._tls = tls
        self.ended = asyncio.Event()
        self._abort_timer: asyncio.TimerHandle | None = None

    def begin(self, transport: Any, handshake: bytes) -> None:
        """Take a connection over on which ``handshake`` was read."""
        self.connection_made(transport)
        super().data_received(handshake)
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Frames; nobody sends any before the handshake is answered."""
        if self.handshake_complete:
            super().data_received(data)
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        super().connection_lost(exc)
        self.ended.set()

    async def run_asgi(self) -> None:
        """The application's turn; then nobody waits for long for what is not read."""
        if self._tls:
            extensions: Any = self.scope.setdefault("extensions", {})
            extensions["tls"] = self._tls
        await super().run_asgi()
        self._abort_later()

    def keepalive_timeout(self) -> None:
        """No answer to a ping: whoever does not answer does not read either."""
        super().keepalive_timeout()
        self._abort_later()

    def shutdown(self) -> None:
        """The archive stops."""
        super().shutdown()
        self._abort_later()

    def _abort_later(self) -> None:
        if self._abort_timer is None and not self.disconnected:
            self._abort_timer = self.loop.call_later(_LINGER, self.transport.abort)
