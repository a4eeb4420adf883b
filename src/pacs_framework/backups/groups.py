"""Which tables go into a backup, read at one moment for each database.

The index comes first, then the tables of plugins: a plugin whose cursor in the feed is older than
its tables does some work again, the other way round work would be missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.backups.dumped import dump
from pacs_framework.backups.folder import Group
from pacs_framework.errors import BackupError
from pacs_framework.index import schema
from pacs_framework.index.migrate import NEWEST
from pacs_framework.tables.versions import VERSIONS

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.index.database import Database
    from pacs_framework.tables import OpenTables, PluginTables

__all__ = ["INDEX", "one_moment", "refuse_unknown_tables", "write_index", "write_plugins"]

INDEX = "index"


@contextmanager
def one_moment(database: Database) -> Iterator[Connection]:
    """A connection that sees one state of the database, however long it reads."""
    with ExitStack() as stack:
        connection = stack.enter_context(database.reading())
        if database.is_postgresql:
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        yield connection


def write_index(connection: Connection, folder: Path) -> Group:
    """The tables of the index. Raises OSError and what the driver does."""
    version = sorted(NEWEST)
    path = folder / f"{INDEX}.jsonl.gz"
    tables = schema.metadata.sorted_tables
    return Group(
        name=INDEX, version=version, written=dump(connection, tables, version=version, path=path)
    )


def write_plugins(
    definitions: Mapping[str, PluginTables], opened: OpenTables, folder: Path, index: Connection
) -> list[Group]:
    """The tables of the plugins; on PostgreSQL as they were at the moment of ``index``."""
    groups = []
    for plugin, tables in sorted(definitions.items()):
        store = opened(plugin)
        with ExitStack() as stack:
            connection = index if store.is_postgresql else stack.enter_context(store.reading())
            written = dump(
                connection,
                tables.metadata.sorted_tables,
                version=tables.version,
                path=folder / f"tables-{plugin}.jsonl.gz",
            )
        groups.append(Group(name=plugin, version=tables.version, written=written))
    return groups


def refuse_unknown_tables(
    database: Database, data: Path, known: Collection[str], *, left_out: Collection[str]
) -> None:
    """Raise `BackupError` for tables of plugins that are not active: nobody could read them."""
    there = {path.stem for path in (data / "tables").glob("*.sqlite")}
    if database.is_postgresql:
        with database.reading() as connection:
            if sa.inspect(connection).has_table(VERSIONS.name):
                there = set(connection.scalars(sa.select(VERSIONS.c.plugin)))
    unknown = sorted(there - set(known) - set(left_out))
    if unknown:
        raise BackupError(
            f"plugin {unknown[0]!r} has tables in this archive and is not active; let it take part "
            f"in [plugins], or leave its tables out with --leave-out {unknown[0]}"
        )
