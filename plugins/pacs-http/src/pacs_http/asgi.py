"""The archive's HTTP for an ASGI server of others, such as granian, in place of our own.

    PACS_CONFIG=pacs.toml granian --interface asgi --factory pacs_http.asgi:application

It is opened and closed with the server's lifespan, and works beside a running ``pacs serve``, which
accepts DICOM and tells plugins of what came in. Connections are the server's own: address, TLS,
timeouts and the bounds on heads and connections are what it is told.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from pacs_framework.app import App, Configured, configure
from pacs_framework.errors import ConfigurationError
from pacs_framework.logs import configure_logging
from pacs_http.door import HttpDoor
from pacs_http.settings import HttpSettings
from pacs_http.tables import NAME

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["ServedElsewhere", "application"]

_log = structlog.get_logger("pacs_http")


def application() -> ServedElsewhere:
    """The application for the archive that the variable ``PACS_CONFIG`` names, or the defaults do.

    Each process of a server calls it once. Nothing is opened yet.
    """
    config = os.environ.get("PACS_CONFIG")
    return ServedElsewhere(Path(config) if config else None)


class ServedElsewhere:
    """An ASGI application that opens an archive for as long as its server's lifespan is."""

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._undo = ExitStack()
        self._application: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one WebSocket, or the lifespan itself."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._application is None:
            raise RuntimeError("the archive is not open: switch the server's lifespan on")
        await self._application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        try:
            await asyncio.to_thread(self._open)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server is to say it
            _log.error("the archive cannot be opened", cause=str(error))
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        await asyncio.to_thread(self._undo.close)
        await send({"type": "lifespan.shutdown.complete"})

    def _open(self) -> None:
        configured = configure(self._config, {})
        with ExitStack() as undo:
            undo.callback(configured.plugins.close)
            configure_logging(configured.settings.log)
            settings = _settings(configured)
            archive = undo.enter_context(App(configured, listen=False, feed=False)).archive
            made = HttpDoor(archive, settings).application()
            undo.callback(made.close)
            self._application = made.with_cors()
            self._undo = undo.pop_all()


def _settings(configured: Configured) -> HttpSettings:
    """Those of the plugin. Raises `ConfigurationError` for what cannot hold here."""
    found = next((each.settings for each in configured.plugins.active if each.name == NAME), None)
    if not isinstance(found, HttpSettings):
        raise ConfigurationError(f"the plugin {NAME!r} is not active in this configuration")
    if found.login != "required":
        raise ConfigurationError(
            "nobody here knows which addresses the server listens on, so everybody has to log in: "
            f'set login = "required" in [plugin.{NAME}]'
        )
    if found.tls.enabled:
        raise ConfigurationError(
            f"[plugin.{NAME}.tls] is for our own server: give certificate and key to the one that "
            "serves"
        )
    return found
