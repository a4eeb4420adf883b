"""DCMTK's storescp: it writes files, and neither syncs them nor keeps an index."""

from __future__ import annotations

from pathlib import Path

from bench.peers.base import Peer, first_line_of

__all__ = ["Storescp", "StorescpFork"]

# By full path: pynetdicom puts a storescp of its own into the environment.
_PROGRAM = Path("/usr/bin/storescp")


class Storescp(Peer):
    """One process, one association at a time."""

    name = "storescp"
    title = "DCMTK storescp"
    durability = "none: the file is written, not synced, and there is no index"
    associations = 1
    aet = "STORESCP"
    options: tuple[str, ...] = ()

    @classmethod
    def missing(cls) -> str:
        """The package may not be installed."""
        return "" if _PROGRAM.exists() else "Debian package dcmtk is not installed"

    @classmethod
    def version(cls) -> str:
        """As ``storescp --version`` tells it."""
        return first_line_of(str(_PROGRAM), "--version").strip("$ ")

    @classmethod
    def settings(cls) -> str:
        """Its options."""
        fork = " ".join(cls.options) or "--single-process"
        return f"TCP_NODELAY=1, {fork} --max-pdu 131072 --bit-preserving --quiet"

    def command(self) -> list[str]:
        """Files go to a folder of their own."""
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        pdu = ["--max-pdu", "131072", "--bit-preserving", "--quiet"]
        out = ["--output-directory", str(files), "--aetitle", self.aet, str(self.port)]
        return [str(_PROGRAM), *self.options, *pdu, *out]

    def environment(self) -> dict[str, str]:
        """Without it, Nagle's algorithm."""
        return {"TCP_NODELAY": "1"}


class StorescpFork(Storescp):
    """A process for each association."""

    name = "storescp-fork"
    title = "storescp --fork"
    associations = 100_000
    options = ("--fork",)
