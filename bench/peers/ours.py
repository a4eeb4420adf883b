"""This archive, as ``pacs serve`` starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import ClassVar

from bench.peers.base import Peer
from pacs_framework import __version__
from pacs_framework.testing.sockets import free_port

__all__ = ["Ours", "OursWithWorkers"]


class Ours(Peer):
    """``pacs serve`` with its defaults: SQLite, files on disk, one process."""

    name = "ours"
    title = "this archive"
    durability = (
        "SUCCESS when the object is synced and the index has committed; that commit is synced "
        "for objects from 1 MiB on, the others are restored from synced packs after a power cut"
    )
    retrieves = True
    finds = True
    workers: ClassVar[int] = 1
    index_url = ""
    more = ""  # sections that a row adds

    @classmethod
    def missing(cls) -> str:
        """Never."""
        return ""

    @classmethod
    def version(cls) -> str:
        """Of the distribution."""
        return f"pacs-framework {__version__}, Python {sys.version.split()[0]}"

    @classmethod
    def settings(cls) -> str:
        """What differs from the defaults."""
        return f"pacs serve --workers {cls.workers}; SQLite; all else as by default"

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.folder / "pacs.toml"

    def command(self) -> list[str]:
        """Its configuration names the C-MOVE destinations."""
        config = self.config
        peers = "".join(
            f'[peers.{aet.lower()}]\naet = "{aet}"\nhost = "127.0.0.1"\nport = {port}\n'
            for aet, port in self.destinations.ports.items()
        )
        index = f'[index]\nurl = "{self.index_url}"\n' if self.index_url else ""
        self.http_port = free_port()
        http = f"[plugin.http]\nport = {self.http_port}\naccess_log = false\n"
        config.write_text(
            f'[archive]\naet = "{self.aet}"\ndata = "{self.folder / "data"}"\n{index}{http}{peers}'
            f"{self.more}"
        )
        serve = [sys.executable, "-m", "pacs_framework.cli", "serve", "--config", str(config)]
        return [*serve, "--port", str(self.port), "--workers", str(self.workers)]


class OursWithWorkers(Ours):
    """The same with an acceptor process for each core."""

    name = "ours-workers"
    title = "this archive, --workers"
    workers = max(2, os.cpu_count() or 2)
