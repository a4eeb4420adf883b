"""This archive over an index that is full already, on either engine; and Orthanc for comparison."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from bench import fill
from bench.peers.orthanc import Orthanc
from bench.peers.ours import Ours
from pacs_framework.testing.postgres import PostgresMissing, PrivatePostgres

__all__ = ["SIZES", "Filled", "FilledPostgres", "OrthancFilled", "filled_peers", "short"]

SIZES = (3_000, 120_000, 1_300_000)


def short(studies: int) -> str:
    """3k, 120k, 1.3M."""
    return f"{studies / 1e6:g}M" if studies >= 1_000_000 else f"{studies // 1000}k"


class Filled(Ours):
    """SQLite with some number of studies; their objects do not exist."""

    studies: ClassVar[int]
    source: ClassVar[Path]

    def furnish(self) -> None:
        """A copy of the filled index."""
        data = self.folder / "data"
        data.mkdir()
        shutil.copyfile(self.source, data / "index.sqlite")


class FilledPostgres(Filled):
    """The same rows in a PostgreSQL of its own."""

    durability = "only read here"

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
        """Of the server too; it is only read here."""
        return "PostgreSQL with its defaults but fsync=off and max_connections=300"

    def furnish(self) -> None:
        """Start a server and copy the rows."""
        self._server = PrivatePostgres()
        self._server.__enter__()
        try:
            self.index_url = self._server.new_database()
            fill.copy_to_postgresql(self.source, self.index_url)
        except BaseException:
            self._server.__exit__()
            raise

    def stop(self) -> float:
        """The server goes too."""
        running = self.process is not None
        seconds = super().stop()
        if running:
            self._server.__exit__()
        return seconds


class OrthancFilled(Orthanc):
    """Orthanc with the smallest number of studies, stored by C-STORE."""

    name = f"orthanc-{short(SIZES[0])}"
    title = f"Orthanc {short(SIZES[0])}"
    studies: ClassVar[int] = SIZES[0]


def filled_peers(sizes: dict[int, Path]) -> list[type[Filled | OrthancFilled]]:
    """A peer for each size on each engine; ``sizes`` gives the filled SQLite index of each."""
    peers: list[type[Filled | OrthancFilled]] = []
    for base, engine in ((Filled, "SQLite"), (FilledPostgres, "PostgreSQL")):
        for studies, source in sizes.items():
            suffix = short(studies)
            name = f"ours-{suffix}" if base is Filled else f"ours-pg-{suffix}"
            more = {"name": name, "title": f"{engine} {suffix}", "studies": studies}
            peers.append(type(f"{base.__name__}{suffix}", (base,), {**more, "source": source}))
    return [*peers, OrthancFilled]
