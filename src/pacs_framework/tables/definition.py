"""What a plugin says of its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pacs_framework.errors import PluginError

if TYPE_CHECKING:
    from sqlalchemy import MetaData
    from sqlalchemy.engine import Connection

__all__ = ["PluginTables", "Upgrade"]

Upgrade: TypeAlias = "Callable[[Connection], object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTables:
    """The tables of one plugin as its present version wants them.

    ``metadata`` holds them; the name of each begins with that of the plugin, with underscores for
    hyphens (plugin ``my-notes``: ``my_notes_page``), because on PostgreSQL all plugins share a
    database with the index. ``version`` counts from 1. ``upgrades`` maps each version from 2 on to
    the function that makes it of the one before, in the transaction of the connection it gets. An
    upgrade is history: it says in its own words what changed then, and does not follow
    ``metadata``, from which new tables are made.

    ``about_storage`` names tables that tell of the storage as it stands here, and nothing of the
    archive: when a backup brings its objects into another storage, their rows stay behind.

    Raises `PluginError` for what cannot hold.
    """

    metadata: MetaData
    version: int = 1
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)
    about_storage: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.version < 1:
            raise PluginError(f"tables: version is {self.version!r}; it counts from 1")
        wanted = list(range(2, self.version + 1))
        if sorted(self.upgrades) != wanted:
            raise PluginError(
                f"tables: upgrades lead to versions {sorted(self.upgrades)}; "
                f"version {self.version} needs those to {wanted}"
            )
        if not self.metadata.tables:
            raise PluginError("tables: there is no table in the metadata")
        if unknown := sorted(self.about_storage.difference(self.metadata.tables)):
            raise PluginError(f"tables: about_storage names {unknown[0]!r}, which is no table")

    def names_for(self, plugin: str) -> tuple[str, ...]:
        """The names of the tables; raises `PluginError` for one that ``plugin`` may not use."""
        prefix = plugin.replace("-", "_")
        for table in self.metadata.tables.values():
            if table.schema is not None:
                raise PluginError(
                    f"tables: {table.fullname!r} names a schema; leave it to the archive's database"
                )
            if not table.name.startswith(f"{prefix}_"):
                raise PluginError(
                    f"tables: the name {table.name!r} does not begin with that of the plugin, "
                    f"as in {f'{prefix}_{table.name}'!r}"
                )
        return tuple(self.metadata.tables)
