"""This archive on PostgreSQL: one node, and two that share database and objects."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from bench.client.tasks import Address
from bench.peers.base import Destinations
from bench.peers.ours import Ours
from pacs_framework.testing.postgres import PostgresMissing, PrivatePostgres
from pacs_framework.testing.sockets import free_port

__all__ = ["OursOnPostgres", "OursOnTwoNodes"]

_STOP_SECONDS = 30


class OursOnPostgres(Ours):
    """``pacs serve`` as by default, but for ``[index] url``."""

    name = "ours-pg"
    title = "this archive, PostgreSQL"
    durability = "SUCCESS when the object is synced and PostgreSQL has committed, fsync=on"

    @classmethod
    def missing(cls) -> str:
        """The binaries may not be installed, or there is no user to run them."""
        try:
            PrivatePostgres()
        except PostgresMissing as missing:
            return str(missing)
        return ""

    @classmethod
    def settings(cls) -> str:
        """What differs from the defaults."""
        return "pacs serve; PostgreSQL with its defaults but max_connections=300; files on disk"

    def __init__(self, scratch: Path, destinations: Destinations) -> None:
        super().__init__(scratch, destinations)
        self._server: PrivatePostgres | None = None

    def furnish(self) -> None:
        """Start the database."""
        self._server = PrivatePostgres(durable=True)
        self._server.__enter__()
        self.index_url = self._server.new_database()

    def stop(self) -> float:
        """The archive, then the database."""
        seconds = super().stop()
        server, self._server = self._server, None
        if server is not None:
            server.__exit__()
        return seconds


class OursOnTwoNodes(OursOnPostgres):
    """Two of them on one database and one folder of objects; clients take turns between them."""

    name = "ours-nodes"
    title = "this archive, two nodes"

    def __init__(self, scratch: Path, destinations: Destinations) -> None:
        super().__init__(scratch, destinations)
        self._second: subprocess.Popen[bytes] | None = None
        self._second_port = 0

    @classmethod
    def settings(cls) -> str:
        """What differs from the defaults."""
        return f"two nodes, half of the associations each; {super().settings()}"

    @property
    def address(self) -> Address:
        """The first node's, with that of the second."""
        return replace(super().address, more_ports=(self._second_port,))

    def command(self) -> list[str]:
        """Both find their objects in one folder; each has a data folder of its own."""
        command = super().command()
        config = self.folder / "pacs.toml"
        text = config.read_text() + f'[storage]\nurl = "{(self.folder / "objects").as_uri()}"\n'
        config.write_text(text)
        second = self.folder / "second.toml"
        http = f"port = {self.http_port}"
        text = text.replace(str(self.folder / "data"), str(self.folder / "data-2"))
        second.write_text(text.replace(http, f"port = {free_port()}"))
        self._second_port = free_port()
        mine = {str(config): str(second), str(self.port): str(self._second_port)}
        self._second_command = [mine.get(part, part) for part in command]
        return command

    def spawn(self) -> None:
        """The first makes the tables; the second follows, and is waited for by who connects."""
        super().spawn()
        self._second = subprocess.Popen(
            self._second_command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def stop(self) -> float:
        """The second first."""
        second, self._second = self._second, None
        if second is not None:
            second.terminate()
            try:
                second.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                second.kill()
                second.wait()
        return super().stop()
