"""Runs connections on a listening socket until it is told to stop.

uvicorn's own `Server` wakes ten times a second, installs signal handlers and writes its own log, so
only its connections are used.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
import uvloop
from uvicorn.server import ServerState

from pacs_http.server.asgi import HttpApplication
from pacs_http.server.protocol import BoundedProtocol, Bounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_http.settings import HttpSettings

__all__ = ["run"]

_log = structlog.get_logger("pacs_http")

_BACKLOG = 1024
_LAST_WAIT = 0.5


def run(
    make_application: Callable[[], HttpApplication],
    settings: HttpSettings,
    listening: socket.socket,
    stop: socket.socket,
    tls: ssl.SSLContext | None,
) -> None:
    """Serve in this thread until ``stop`` can be read."""
    logging.getLogger("uvicorn.error").disabled = True  # what it says is told by our own log
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(make_application(), settings, listening, stop, tls))


async def _serve(
    application: HttpApplication,
    settings: HttpSettings,
    listening: socket.socket,
    stop: socket.socket,
    tls: ssl.SSLContext | None,
) -> None:
    loop = asyncio.get_running_loop()
    state = ServerState()
    make = partial(
        BoundedProtocol,
        config=_config(application.with_cors(), settings),
        server_state=state,
        app_state={},
        bounds=_bounds(settings),
    )
    handshake = settings.header_timeout if tls else None
    server = await loop.create_server(
        make, sock=listening, ssl=tls, backlog=_BACKLOG, ssl_handshake_timeout=handshake
    )
    stopping = asyncio.Event()
    loop.add_reader(stop, stopping.set)
    await stopping.wait()
    loop.remove_reader(stop)
    server.close()
    await _end_connections(state, settings.stop_timeout)
    application.close()


async def _end_connections(state: ServerState, seconds: float) -> None:
    """Idle ones at once, those at work when they are done, the others after ``seconds``."""
    for connection in list(state.connections):
        connection.shutdown()
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=seconds)
    late = list(state.tasks)
    if late:
        _log.warning("requests are broken off: the archive stops", requests=len(late))
    await _gone(state)
    for connection in list(state.connections):
        connection.transport.abort()
    for task in late:
        task.cancel()
    if late:
        with suppress(asyncio.CancelledError):
            await asyncio.wait(late, timeout=_LAST_WAIT)


async def _gone(state: ServerState) -> None:
    """Wait until the connections have taken the end of their answers, or a little."""
    connections: set[Any] = set(state.connections)
    ends = [asyncio.ensure_future(each.ended.wait()) for each in connections]
    if ends:
        _, late = await asyncio.wait(ends, timeout=_LAST_WAIT)
        for end in late:
            end.cancel()


def _config(application: Any, settings: HttpSettings) -> uvicorn.Config:
    config = uvicorn.Config(
        application,
        http=BoundedProtocol,
        ws="none",  # what connections speak is seen to by their protocol
        ws_max_size=settings.max_message,
        ws_per_message_deflate=False,  # a few bytes may be many, and each would hold a window
        ws_ping_interval=settings.ping_interval,
        ws_ping_timeout=settings.ping_interval,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=math.ceil(settings.idle_timeout),
    )
    config.load()
    return config


def _bounds(settings: HttpSettings) -> Bounds:
    return Bounds(
        connections=settings.max_connections,
        header_bytes=settings.max_header,
        header_seconds=settings.header_timeout,
        network_seconds=settings.network_timeout,
    )
