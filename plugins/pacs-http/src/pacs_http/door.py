"""The door: routes collected at the start, and a thread that serves when somebody comes."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import structlog

from pacs_framework.doors import Door
from pacs_framework.network.tls import server_context
from pacs_http.own_routes import own_routes
from pacs_http.router import Router

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_http.server.asgi import HttpApplication
    from pacs_http.settings import HttpSettings

__all__ = ["NAME", "HttpDoor"]

NAME = "http"

_log = structlog.get_logger("pacs_http")

_MARGIN = 3.0


class HttpDoor(Door):
    """One HTTP server in one process.

    The server itself is imported with the first connection: an archive that nobody asks by HTTP
    pays nothing for it, and starts as quickly as without. Raises `ConfigurationError` for routes
    that clash and certificates that cannot be used.
    """

    name = NAME

    def __init__(self, archive: Archive, settings: HttpSettings) -> None:
        self._archive = archive
        self._settings = settings
        self.scheme = settings.scheme
        self.link_target = settings.link_target
        self.host = settings.host
        self.port = settings.port
        self.chosen = "port" in settings.model_fields_set
        self._tls = _tls(settings)
        provided = [
            (name, tuple(each))
            for name, each in archive.hooks.register("http_routes", archive=archive)
        ]
        self.router = Router([(NAME, own_routes(archive, self)), *provided])
        self._thread: threading.Thread | None = None
        self._waker: socket.socket | None = None

    def start(self, listening: socket.socket) -> None:
        """Wait for connections in a thread."""
        woken, self._waker = socket.socketpair()
        self._thread = threading.Thread(
            target=self._run, args=(listening, woken), name="http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End what is under way within ``stop_timeout``, and close."""
        if self._thread is None or self._waker is None:
            return
        self._waker.close()
        self._thread.join(self._settings.stop_timeout + _MARGIN)
        if self._thread.is_alive():
            _log.error("the HTTP server does not stop")
        self._thread = None

    def _run(self, listening: socket.socket, woken: socket.socket) -> None:
        with listening, woken:
            if not _somebody_comes(listening, woken):
                return
            try:
                from pacs_http.server.serving import run  # noqa: PLC0415 - see above

                run(self.application, self._settings, listening, woken, self._tls)
            except Exception:  # noqa: BLE001 - nobody is above this thread to hear of it
                _log.exception("the HTTP server has failed, and its port is closed")

    def application(self) -> HttpApplication:
        """What answers, for one event loop."""
        from pacs_http.access.judge import Judge  # noqa: PLC0415 - see above
        from pacs_http.server.addresses import Addresses  # noqa: PLC0415 - see above
        from pacs_http.server.asgi import HttpApplication  # noqa: PLC0415 - see above

        settings = self._settings
        addresses = Addresses(settings.trusted_proxies, settings.public_url)
        return HttpApplication(self.router, Judge(self._archive, settings), addresses, settings)


def _somebody_comes(listening: socket.socket, woken: socket.socket) -> bool:
    """Wait for a connection; false when the door is to be closed instead."""
    listening.setblocking(False)
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    poll.register(woken, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll()}
    return woken.fileno() not in ready


def _tls(settings: HttpSettings) -> ssl.SSLContext | None:
    tls = settings.tls
    if not tls.enabled:
        return None
    assert tls.certificate is not None
    return server_context(
        certificate=tls.certificate,
        key=tls.key,
        ca=tls.ca,
        client_certificates=tls.client_certificates,
        minimum_version=tls.minimum_version,
    )
