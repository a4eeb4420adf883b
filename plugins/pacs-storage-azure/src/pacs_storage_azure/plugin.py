"""The hooks: the storage scheme ``az``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.hookspecs import hookimpl
from pacs_framework.storage import BackendFactory, StorageBackend
from pacs_storage_azure.address import Address
from pacs_storage_azure.settings import Settings

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution

__all__ = ["config_models", "conformance", "storage_backends"]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.storage-azure]``."""
    return Settings


@hookimpl
def storage_backends(settings: Settings) -> Mapping[str, BackendFactory]:
    """``az://container/prefix``."""
    return {"az": _Containers(settings)}


@hookimpl
def conformance(settings: Settings) -> Sequence[Contribution]:
    """Document how long objects are kept, and when one is refused."""
    # Not above: only `pacs conformance` asks.
    from pacs_storage_azure.conformance import contributions  # noqa: PLC0415

    return contributions(settings)


@dataclass(frozen=True, slots=True)
class _Containers:
    """Opens the backend for the container that a URL names."""

    settings: Settings

    def __call__(self, url: str, /) -> StorageBackend:
        # Not above: the library takes a tenth of a second, and few commands open the storage.
        from pacs_storage_azure.backend import open_backend  # noqa: PLC0415

        return open_backend(url, self.settings)

    def check(self, url: str, /) -> None:
        """Neither the store nor a secret is looked at."""
        Address.of(url)
