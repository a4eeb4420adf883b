"""The hooks: the storage scheme ``gs``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pacs_framework.buckets.factory import BucketFactory
from pacs_framework.hookspecs import hookimpl
from pacs_framework.storage import BackendFactory, StorageBackend
from pacs_storage_gcs.address import Address
from pacs_storage_gcs.settings import Settings

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution

__all__ = ["config_models", "conformance", "storage_backends"]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.storage-gcs]``."""
    return Settings


@hookimpl
def storage_backends(settings: Settings) -> Mapping[str, BackendFactory]:
    """``gs://bucket/prefix``."""
    return {"gs": BucketFactory(Address, partial(_opened, settings))}


@hookimpl
def conformance(settings: Settings) -> Sequence[Contribution]:
    """Document how long objects are kept, and when one is refused."""
    # Not above: only `pacs conformance` asks.
    from pacs_framework.buckets.conformance import contributions  # noqa: PLC0415

    return contributions("a bucket of Google Cloud Storage", settings)


def _opened(settings: Settings, url: str) -> StorageBackend:
    # Not above: the library takes a tenth of a second, and few commands open the storage.
    from pacs_storage_gcs.backend import open_backend  # noqa: PLC0415

    return open_backend(url, settings)
