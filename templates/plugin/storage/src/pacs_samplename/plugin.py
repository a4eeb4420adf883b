"""The hooks: the storage scheme ``samplename``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pacs_framework import hookimpl
from pacs_framework.errors import ConfigurationError
from pacs_framework.storage import BackendFactory

from pacs_samplename.folder import FolderStorage
from pacs_samplename.settings import Settings

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution

__all__ = ["config_models", "conformance", "open_folder", "storage_backends"]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.samplename]``."""
    return Settings


@hookimpl
def storage_backends(settings: Settings) -> Mapping[str, BackendFactory]:
    """``samplename:///var/lib/pacs/objects``."""
    return {"samplename": partial(open_folder, settings)}


@hookimpl
def conformance(settings: Settings) -> Sequence[Contribution]:
    """Document how objects are kept, and when there is no room for one."""
    # Not above: only `pacs conformance` asks.
    from pacs_samplename.conformance import contributions  # noqa: PLC0415

    return contributions(settings)


def open_folder(settings: Settings, url: str, /) -> FolderStorage:
    """The backend in the folder that ``url`` names. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not path.is_absolute():
        raise ConfigurationError(
            f"storage url {url!r} names no local folder; write samplename:///absolute/path"
        )
    return FolderStorage(path, reserve=settings.reserve)
