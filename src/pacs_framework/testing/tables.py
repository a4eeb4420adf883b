"""What the fixtures ``pacs_tables`` and ``pacs_emptied_tables`` give: tables of a plugin's own,
without an archive.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pacs_framework.index.database import open_database
from pacs_framework.tables import OpenTables, PluginTables, TableStore
from pacs_framework.testing.stacked import Stacked

__all__ = ["EmptiedTables", "TableStores"]


class TableStores(Stacked):
    """Opens tables and closes them at the end; files are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __call__(self, tables: PluginTables, plugin: str, *, index_url: str = "") -> TableStore:
        """The tables of ``plugin``, made or brought up to date; asked again, opened once more.

        They are in a file, or where ``index_url`` is one of PostgreSQL
        (`pacs_framework.testing.postgres.PrivatePostgres.new_database`), in that database.
        """
        index = None
        if index_url and not index_url.startswith("sqlite"):
            database = open_database(index_url, migrated=False)
            index = self._stack.enter_context(closing(database))
        opened = OpenTables({plugin: tables}, data=self._folder, index=index)
        return self._stack.enter_context(closing(opened))(plugin)


class EmptiedTables:
    """Opens the tables of a plugin without rows, by ``stores`` in the database of ``index_url``."""

    def __init__(self, stores: TableStores, index_url: str) -> None:
        self._stores = stores
        self._index_url = index_url

    def __call__(self, tables: PluginTables, plugin: str) -> TableStore:
        """The tables of ``plugin``; those that a test before had are emptied."""
        store = self._stores(tables, plugin, index_url=self._index_url)
        with store.begin() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                connection.execute(table.delete())
        return store
