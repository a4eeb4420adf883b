"""The hooks: the storage scheme ``tiered``, its tables, background work, and ``pacs tiers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pacs_framework.errors import ConfigurationError
from pacs_framework.hookspecs import hookimpl
from pacs_framework.storage import BackendFactory, StorageBackend, StorageRegistry, Surroundings
from pacs_storage_tiered.command import tiers
from pacs_storage_tiered.settings import Settings

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.tables import PluginTables

__all__ = [
    "background",
    "cli_commands",
    "config_models",
    "conformance",
    "storage_backends",
    "tables",
]

_URL = "tiered:"


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.storage-tiered]``."""
    return Settings


@hookimpl
def storage_backends(settings: Settings) -> Mapping[str, BackendFactory]:
    """``tiered:``; the places are in the settings."""
    return {"tiered": _Places(settings)}


@hookimpl
def tables() -> PluginTables:
    """What is owed to objects, reads and pins."""
    # Not above, nor what follows: a command that only asks for plugins needs no database.
    from pacs_storage_tiered.tables import TABLES  # noqa: PLC0415

    return TABLES


@hookimpl
def background(archive: Archive) -> Sequence[Background]:
    """Repairs and moves, where this storage is the configured one."""
    from pacs_storage_tiered.backend import TieredBackend  # noqa: PLC0415
    from pacs_storage_tiered.keeper import Keeper  # noqa: PLC0415

    if not isinstance(archive.storage, TieredBackend):
        return []
    return [Keeper(archive, archive.storage)]


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """Add ``pacs tiers``."""
    return [tiers]


@hookimpl
def conformance(settings: Settings) -> Sequence[Contribution]:
    """Document when an object counts as kept."""
    from pacs_storage_tiered.conformance import contributions  # noqa: PLC0415

    return contributions(settings)


@dataclass(frozen=True, slots=True)
class _Places:
    """Opens the backend over the places that the settings name."""

    settings: Settings

    def __call__(self, url: str, /) -> StorageBackend:
        raise ConfigurationError(
            f"storage url {url!r} stands for other places and cannot be one itself"
        )

    def open_among(self, url: str, surroundings: Surroundings) -> StorageBackend:
        from pacs_storage_tiered.backend import open_backend  # noqa: PLC0415
        from pacs_storage_tiered.tables import NAME  # noqa: PLC0415

        self.check_among(url, surroundings.backends)
        return open_backend(
            self.settings,
            open_url=surroundings.backends.open,
            store=surroundings.tables(NAME),
            data=surroundings.data,
        )

    def check_among(self, url: str, backends: StorageRegistry) -> None:
        """Every place is one that some plugin provides."""
        if url != _URL:
            raise ConfigurationError(
                f"storage url {url!r}: write {_URL!r}, and the places in [plugin.storage-tiered]"
            )
        if not self.settings.tiers:
            raise ConfigurationError(
                "[plugin.storage-tiered] tiers is empty; name at least one tier with its places"
            )
        for tier in self.settings.tiers:
            for name, place in tier.places.items():
                try:
                    backends.check(place)
                except ConfigurationError as error:
                    raise ConfigurationError(f"place {name!r} of {tier.name!r}: {error}") from error
