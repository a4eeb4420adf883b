"""The doors of plugins, opened: bound by the archive, served in each process that listens."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from pacs_framework.doors import Door
from pacs_framework.errors import ConfigurationError
from pacs_framework.network.listener import listening_socket

__all__ = ["Entrances"]

log = structlog.get_logger(__name__)


class Entrances:
    """The ``doors`` of an archive with their sockets.

    ``sockets`` are those that another process has bound, by name; doors that are not in it stay
    closed. Without it, they are bound here, on any free port where nobody chose one and
    ``anywhere`` says so.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        sockets: Mapping[str, socket.socket] | None = None,
        *,
        anywhere: bool = False,
    ) -> None:
        self._own: dict[str, socket.socket] = {}
        if sockets is None:
            sockets = self._own
            self._bind(doors, anywhere=anywhere)
        self.sockets = sockets
        self.doors = tuple(door for door in doors if door.name in sockets)

    def open(self, undo: Callable[[Callable[[], None]], None]) -> None:
        """Serve at each of them; ``undo`` is told how each is stopped."""
        for door in self.doors:
            undo(door.stop)
            door.start(self.sockets[door.name])

    def close(self) -> None:
        """Give back the sockets that were bound here."""
        for bound in self._own.values():
            bound.close()

    def urls(self) -> dict[str, str]:
        """Where they are, by name: ``http://127.0.0.1:8042``."""
        return {
            door.name: _url(door.scheme, self.sockets[door.name].getsockname())
            for door in self.doors
        }

    def _bind(self, doors: Sequence[Door], *, anywhere: bool) -> None:
        try:
            for door in doors:
                if bound := _bound_for(door, anywhere=anywhere):
                    self._own[door.name] = bound
        except BaseException:
            self.close()
            raise


def _bound_for(door: Door, *, anywhere: bool) -> socket.socket | None:
    """The socket of a door, or None where nobody chose its port and something else has it.

    An archive on any free DICOM port (``anywhere``) stands beside others, so its doors take any
    free port, too.
    """
    port = 0 if anywhere and not door.chosen else door.port
    try:
        return listening_socket((door.host, port))
    except ConfigurationError as error:
        if door.chosen:
            raise
        log.warning("a door stays closed", door=door.name, cause=str(error))
        return None


def _url(scheme: str, address: Sequence[Any]) -> str:
    host, port = address[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
