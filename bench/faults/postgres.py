"""A wire to PostgreSQL that can be cut: at a COMMIT before or after it was done, or silently."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import closing, suppress
from enum import Enum
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from pacs_framework.testing.postgres import PrivatePostgres

__all__ = ["Cut", "CutPostgres"]

_SOCKET = ".s.PGSQL.5432"
_BLOCK = 1 << 16
_PREPARED = re.compile(rb"P.{4}(\w*)\0COMMIT\0", re.DOTALL)
"""Parse: the name of a statement, then its text."""


class Cut(Enum):
    """What happens to a connection when its client says COMMIT."""

    BEFORE = "the server never hears of it"
    AFTER = "the server does it, and the client never hears of it"


class CutPostgres:
    """A proxy on a Unix socket in ``folder``, in front of a database of its own; a context manager.

    Connections go through until `cut_next` or `freeze` says otherwise.
    """

    def __init__(self, server: PrivatePostgres, folder: Path, *, target: str | None = None) -> None:
        self._server = server
        self._target = target or server.new_database()
        parts = urlsplit(self._target)
        [host] = parse_qs(parts.query)["host"]
        self._upstream = str(Path(host) / _SOCKET)
        self._folder = folder
        self.url = self._target.replace(host, str(folder))
        self._due: list[Cut] = []
        self._mutex = threading.Lock()
        self.done = threading.Semaphore(0)
        """Released for each connection that was cut at a COMMIT."""
        self._open: set[socket.socket] = set()
        self._flowing = threading.Event()
        self._flowing.set()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self._folder / _SOCKET))
        self._listening.listen(128)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._flowing.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        (self._folder / _SOCKET).unlink(missing_ok=True)  # for the next wire in this folder
        self.cut_all()
        self._accepting.join(10)

    def another(self, folder: Path) -> CutPostgres:
        """Another wire to the same database, for another node."""
        return CutPostgres(self._server, folder, target=self._target)

    def cut_next(self, cut: Cut) -> None:
        """Cut the connection that says COMMIT next."""
        with self._mutex:
            self._due.append(cut)

    def cut_none(self) -> None:
        """Whoever says COMMIT from now on is heard."""
        with self._mutex:
            self._due.clear()

    def cut_all(self) -> None:
        """End every connection now."""
        with self._mutex:
            sockets = list(self._open)
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Nothing goes through any more, and nobody is told: as when a cable is pulled."""
        self._flowing.clear()

    def thaw(self) -> None:
        """What was held back goes on."""
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with closing(client), closing(server), suppress(OSError):
            server.connect(self._upstream)
            with self._mutex:
                self._open |= {client, server}
            try:
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._watch_commits(client, server)
                back.join()
            finally:
                with self._mutex:
                    self._open -= {client, server}

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_BLOCK):
                self._flowing.wait()
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _watch_commits(self, client: socket.socket, server: socket.socket) -> None:
        commits = _Commits()
        with suppress(OSError):
            while data := client.recv(_BLOCK):
                self._flowing.wait()
                cut = self._next_cut() if commits.in_(data) else None
                if cut is None:
                    server.sendall(data)
                    continue
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)  # first: no answer can reach it any more
                if cut is Cut.AFTER:
                    server.sendall(data)
                    server.recv(1)  # the server has answered, so it has done it
                self.done.release()
                break
        for each in (client, server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _next_cut(self) -> Cut | None:
        with self._mutex:
            return self._due.pop() if self._due else None


class _Commits:
    """Knows a COMMIT among what a client sends: by its text, or as the statement it prepared."""

    def __init__(self) -> None:
        self._prepared: set[bytes] = set()

    def in_(self, data: bytes) -> bool:
        """Whether ``data``, whole messages, commits."""
        self._prepared |= {name for name in _PREPARED.findall(data) if name}
        return b"COMMIT\0" in data or any(b"\0%s\0" % name in data for name in self._prepared)
