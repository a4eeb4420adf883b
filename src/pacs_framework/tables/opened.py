"""The tables of all plugins of an archive: one place for each, opened when it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.errors import ConfigurationError
from pacs_framework.index.database import Database, open_database
from pacs_framework.tables.store import TableStore
from pacs_framework.tables.versions import bring_up_to_date, refuse_newer

if TYPE_CHECKING:
    from pacs_framework.tables.definition import PluginTables

__all__ = ["OpenTables", "tables_file"]

_FOLDER = "tables"  # in the folder of the archive's data


def tables_file(data: Path, plugin: str) -> Path:
    """Where the tables of ``plugin`` are on SQLite, in the folder of the archive's data."""
    return data / _FOLDER / f"{plugin}.sqlite"


class OpenTables:
    """Gives each plugin its `TableStore`, by name.

    ``definitions`` are what the plugins returned from the hook ``tables``. On SQLite the tables of
    a plugin are the file ``tables/NAME.sqlite`` in ``data``; on PostgreSQL they are in the database
    of the index, which stays the caller's to close. ``index`` is that database; None for SQLite.
    """

    def __init__(
        self,
        definitions: Mapping[str, PluginTables] | None = None,
        *,
        data: Path,
        index: Database | None = None,
    ) -> None:
        self._definitions = dict(definitions or {})
        self._data = data
        self._shared = index if index is not None and index.is_postgresql else None
        self._lock = threading.Lock()
        self._stores: dict[str, TableStore] = {}
        self._own: list[Database] = []

    def __call__(self, plugin: str) -> TableStore:
        """The tables of ``plugin``, made or upgraded where that was not done.

        Raises `ConfigurationError` where the plugin has none, or newer ones than it knows;
        `IndexUnavailable` when the database does not answer.
        """
        with self._lock:
            store = self._stores.get(plugin)
            if store is None:
                store = self._stores[plugin] = self._open(plugin)
            return store

    def prepare(self) -> None:
        """Open the tables of every plugin now, so that a fault shows before anything is served.

        Raises as a call does.
        """
        for plugin in self._definitions:
            self(plugin)

    def check(self) -> None:
        """Raise `ConfigurationError` for files that a newer plugin wrote; nothing is made.

        A database server is not asked.
        """
        for plugin, tables in self._definitions.items():
            if self._shared is None and self._file(plugin).exists():
                database = self._open_file(plugin)
                try:
                    refuse_newer(TableStore(plugin, database), tables)
                finally:
                    database.close()

    def close(self) -> None:
        """Close what was opened here. No transaction may be under way."""
        with self._lock:
            own, self._own = self._own, []
            stores = list(self._stores.values())
            self._stores.clear()
        for store in stores:
            store.close()
        for database in own:
            database.close()

    def _open(self, plugin: str) -> TableStore:
        tables = self._definitions.get(plugin)
        if tables is None:
            known = ", ".join(sorted(self._definitions)) or "none"
            raise ConfigurationError(
                f"no active plugin {plugin!r} has tables of its own (those that do: {known})"
            )
        if self._shared is not None:
            store = TableStore(plugin, self._shared)
            bring_up_to_date(store, tables)
            return store
        database = self._open_file(plugin)
        store = TableStore(plugin, database)
        try:
            bring_up_to_date(store, tables)
        except BaseException:
            store.close()
            database.close()
            raise
        self._own.append(database)
        return store

    def _file(self, plugin: str) -> Path:
        return tables_file(self._data, plugin)

    def _open_file(self, plugin: str) -> Database:
        return open_database(f"sqlite:///{self._file(plugin)}", migrated=False)
