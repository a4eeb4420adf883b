"""Orthanc from Debian's package, without the service that the package sets up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bench.peers.base import Peer, first_line_of
from pacs_framework.testing.sockets import free_port

__all__ = ["Orthanc", "OrthancAsInstalled"]

_FOLDER = Path("/usr/share/orthanc/plugins")
_PLUGINS = (
    _FOLDER / "libOrthancDicomWeb.so",
    _FOLDER / "libOrthancGdcm.so",  # decodes JPEG 2000, which DCMTK under it cannot
)


class Orthanc(Peer):
    """Orthanc with its defaults where they matter, and the longest PDU it can take."""

    name = "orthanc"
    title = "Orthanc"
    durability = (
        "default SyncStorageArea: fsync of each file; the index (SQLite, synchronous=NORMAL, WAL) "
        "is not synced at each commit"
    )
    retrieves = True
    finds = True
    aet = "ORTHANC"
    scp_timeout = 30

    @classmethod
    def missing(cls) -> str:
        """The package may not be installed."""
        return "" if shutil.which("Orthanc") else "Debian package orthanc is not installed"

    @classmethod
    def version(cls) -> str:
        """As ``Orthanc --version`` tells it."""
        return first_line_of("Orthanc", "--version")

    @classmethod
    def settings(cls) -> str:
        """What differs from the defaults, and the defaults that matter."""
        return (
            "TCP_NODELAY=1, MaximumPduLength 131072, plugins DICOMweb and GDCM where installed; "
            "defaults: "
            "StorageCompression off, OverwriteInstances off, SyncStorageArea on, "
            "StoreMD5ForAttachments on, DicomThreadsCount 4, DicomScpTimeout 30 (idle rows: 120)"
        )

    def command(self) -> list[str]:
        """Its configuration names the C-MOVE destinations."""
        self.http_port = free_port()
        settings = {
            "StorageDirectory": str(self.folder / "db"),
            "IndexDirectory": str(self.folder / "db"),
            "DicomAet": self.aet,
            "DicomPort": self.port,
            "HttpPort": self.http_port,
            "MaximumPduLength": 131072,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomScpTimeout": self.scp_timeout,
            "Plugins": [str(plugin) for plugin in _PLUGINS if plugin.exists()],
            "DicomModalities": {
                aet.lower(): [aet, "127.0.0.1", port]
                for aet, port in self.destinations.ports.items()
            },
        }
        (self.folder / "db").mkdir(exist_ok=True)
        config = self.folder / "orthanc.json"
        config.write_text(json.dumps(settings, indent=2))
        return ["Orthanc", str(config)]

    def environment(self) -> dict[str, str]:
        """DCMTK under it reads this."""
        return {"TCP_NODELAY": "1"}


class OrthancAsInstalled(Orthanc):
    """The same without the variable that its package does not set."""

    name = "orthanc-stock"
    title = "Orthanc, environment as installed"

    @classmethod
    def settings(cls) -> str:
        """What differs from the other one."""
        return "as orthanc, without TCP_NODELAY: what it sends waits for acknowledgements"

    def environment(self) -> dict[str, str]:
        """None."""
        return {}
