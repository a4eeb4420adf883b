"""The hooks: the storage scheme ``file``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pacs_framework.errors import ConfigurationError
from pacs_framework.hookspecs import hookimpl
from pacs_framework.storage import BackendFactory, StorageBackend
from pacs_storage_filesystem.packing import open_backend
from pacs_storage_filesystem.settings import Settings

__all__ = ["config_models", "storage_backends"]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.storage-filesystem]``."""
    return Settings


@hookimpl
def storage_backends(settings: Settings) -> Mapping[str, BackendFactory]:
    """``file:///var/lib/pacs/objects``."""
    return {"file": partial(_open, settings)}


def _open(settings: Settings, url: str, /) -> StorageBackend:
    """The backend below the folder that ``url`` names. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not path.is_absolute():
        raise ConfigurationError(
            f"storage url {url!r} names no local folder; write file:///absolute/path"
        )
    return open_backend(
        path,
        naming=settings.naming,
        reserve=settings.reserve,
        pack_below=settings.pack_below,
    )
