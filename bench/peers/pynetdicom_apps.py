"""pynetdicom's own applications: storescp, and qrscp with an SQLite index."""

from __future__ import annotations

import sys

import pynetdicom

from bench.peers.base import Peer

__all__ = ["PynetdicomQrscp", "PynetdicomStorescp"]


class PynetdicomStorescp(Peer):
    """``python -m pynetdicom storescp``."""

    name = "pynetdicom"
    title = "pynetdicom storescp"
    durability = "none: the file is written, not synced, and there is no index"
    associations = 10
    aet = "STORESCP"

    @classmethod
    def missing(cls) -> str:
        """It is one of our own dependencies."""
        return ""

    @classmethod
    def version(cls) -> str:
        """Of the library."""
        return f"pynetdicom {pynetdicom.__version__}"

    @classmethod
    def settings(cls) -> str:
        """Its options."""
        return "--max-pdu 131072 --quiet"

    def command(self) -> list[str]:
        """Files go to a folder of their own."""
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        options = ["--max-pdu", "131072", "--quiet", "--output-directory", str(files)]
        where = ["--ae-title", self.aet, "--bind-address", "127.0.0.1", str(self.port)]
        return [sys.executable, "-m", "pynetdicom", "storescp", *options, *where]


class PynetdicomQrscp(PynetdicomStorescp):
    """``python -m pynetdicom qrscp``."""

    name = "qrscp"
    title = "pynetdicom qrscp"
    durability = "files are not synced; SQLite with its defaults commits each instance"
    retrieves = True
    finds = True
    aet = "QRSCP"

    @classmethod
    def settings(cls) -> str:
        """Its options."""
        return "max_pdu 131072, log_identifier False, --quiet"

    def command(self) -> list[str]:
        """Its configuration names the C-MOVE destinations."""
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        lines = [
            "[DEFAULT]",
            f"ae_title: {self.aet}",
            f"port: {self.port}",
            "max_pdu: 131072",
            "acse_timeout: 30",
            "dimse_timeout: 30",
            "network_timeout: 60",
            "bind_address: 127.0.0.1",
            f"instance_location: {files}",
            f"database_location: {self.folder / 'instances.sqlite'}",
            "log_identifier: False",
        ]
        for aet, port in self.destinations.ports.items():
            lines += [f"[{aet}]", "address: 127.0.0.1", f"port: {port}"]
        config = self.folder / "qrscp.ini"
        config.write_text("\n".join(lines) + "\n")
        return [sys.executable, "-m", "pynetdicom", "qrscp", "--quiet", "--config", str(config)]
