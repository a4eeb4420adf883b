"""The hooks: the storage scheme ``file``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pacs_framework.errors import ConfigurationError
from pacs_framework.hookspecs import hookimpl
from pacs_framework.storage import BackendFactory, StorageBackend
from pacs_storage_filesystem.packing import open_backend
from pacs_storage_filesystem.settings import Settings

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution

__all__ = ["config_models", "conformance", "storage_backends"]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.storage-filesystem]``."""
    return Settings


@hookimpl
def storage_backends(settings: Settings) -> Mapping[str, BackendFactory]:
    """``file:///var/lib/pacs/objects``."""
    return {"file": _Folders(settings)}


@hookimpl
def conformance(settings: Settings) -> Sequence[Contribution]:
    """Document how long objects are kept, and when there is no room for one."""
    # Not above: only `pacs conformance` asks.
    from pacs_storage_filesystem.conformance import contributions  # noqa: PLC0415

    return contributions(settings)


@dataclass(frozen=True, slots=True)
class _Folders:
    """Opens the backend below the folder that a URL names."""

    settings: Settings

    def __call__(self, url: str, /) -> StorageBackend:
        return open_backend(
            _folder(url),
            naming=self.settings.naming,
            reserve=self.settings.reserve,
            pack_below=self.settings.pack_below,
        )

    def check(self, url: str, /) -> None:
        _folder(url)


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not path.is_absolute():
        raise ConfigurationError(
            f"storage url {url!r} names no local folder; write file:///absolute/path"
        )
    return path
