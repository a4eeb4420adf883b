"""The hooks: the storage scheme ``samplename``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pacs_framework import hookimpl
from pacs_framework.errors import ConfigurationError
from pacs_framework.storage import BackendFactory

from pacs_samplename.folder import FolderStorage
from pacs_samplename.settings import Settings

__all__ = ["config_models", "open_folder", "storage_backends"]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.samplename]``."""
    return Settings


@hookimpl
def storage_backends(settings: Settings) -> Mapping[str, BackendFactory]:
    """``samplename:///var/lib/pacs/objects``."""
    return {"samplename": partial(open_folder, settings)}


def open_folder(settings: Settings, url: str, /) -> FolderStorage:
    """The backend in the folder that ``url`` names. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not path.is_absolute():
        raise ConfigurationError(
            f"storage url {url!r} names no local folder; write samplename:///absolute/path"
        )
    return FolderStorage(path, reserve=settings.reserve)
