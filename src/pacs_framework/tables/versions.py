"""Making the tables of a plugin, and bringing older ones up to its version.

The version that a database has is a row of its own table. Processes that start at once do not both
make or upgrade: the transaction holds the write lock on SQLite, an advisory lock on PostgreSQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.tables.definition import PluginTables
    from pacs_framework.tables.store import TableStore

__all__ = ["VERSIONS", "bring_up_to_date", "mark", "refuse_newer"]

# "PACB"; neither the lock that every ingest takes (PACS) nor that of presence (PACT).
_ADVISORY_LOCK = 0x5041_4342

VERSIONS = sa.Table(
    "plugin_tables",
    sa.MetaData(),
    sa.Column("plugin", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)

_log = structlog.get_logger(__name__)


def bring_up_to_date(store: TableStore, tables: PluginTables) -> None:
    """Make the tables, or run every upgrade that they have not seen.

    Raises `ConfigurationError` when a newer version of the plugin wrote them, or when tables of
    such names are there that nobody accounts for; `IndexUnavailable` where the database fails.
    """
    if _version(store) == tables.version:
        return
    with store.begin() as connection:
        if store.is_postgresql:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        VERSIONS.create(connection, checkfirst=True)
        present = _present(connection, store.plugin)
        _refuse_newer(store, present, tables)
        if present is None:
            _make(connection, store, tables)
        else:
            _upgrade(connection, store, tables, present)


def mark(connection: Connection, plugin: str, version: int) -> None:
    """Put down which version the tables of ``plugin`` have that were made in this transaction."""
    VERSIONS.create(connection, checkfirst=True)
    connection.execute(sa.delete(VERSIONS).where(VERSIONS.c.plugin == plugin))
    connection.execute(sa.insert(VERSIONS).values(plugin=plugin, version=version))


def refuse_newer(store: TableStore, tables: PluginTables) -> None:
    """Raise `ConfigurationError` when a newer version of the plugin wrote the tables."""
    _refuse_newer(store, _version(store), tables)


def _version(store: TableStore) -> int | None:
    with store.reading() as connection:
        if not sa.inspect(connection).has_table(VERSIONS.name):
            return None
        return _present(connection, store.plugin)


def _present(connection: Connection, plugin: str) -> int | None:
    """The version that the tables are marked with; None where there are none."""
    asked = sa.select(VERSIONS.c.version).where(VERSIONS.c.plugin == plugin)
    version: int | None = connection.scalar(asked)
    return version


def _refuse_newer(store: TableStore, present: int | None, tables: PluginTables) -> None:
    if present is not None and present > tables.version:
        raise ConfigurationError(
            f"the tables of plugin {store.plugin!r} have version {present}, and the installed "
            f"plugin knows them up to {tables.version}; they were written by a newer one: install "
            f"that"
        )


def _make(connection: Connection, store: TableStore, tables: PluginTables) -> None:
    inspector = sa.inspect(connection)
    strange = [name for name in tables.metadata.tables if inspector.has_table(name)]
    if strange:
        raise ConfigurationError(
            f"the database has a table {strange[0]!r} that plugin {store.plugin!r} did not make; "
            f"point [index] url at a database of the archive's own"
        )
    tables.metadata.create_all(connection, checkfirst=False)
    connection.execute(sa.insert(VERSIONS).values(plugin=store.plugin, version=tables.version))
    _log.info("tables were made", plugin=store.plugin, version=tables.version)


def _upgrade(connection: Connection, store: TableStore, tables: PluginTables, present: int) -> None:
    for version in range(present + 1, tables.version + 1):
        tables.upgrades[version](connection)
    connection.execute(
        sa.update(VERSIONS).where(VERSIONS.c.plugin == store.plugin).values(version=tables.version)
    )
    if present != tables.version:
        _log.info("tables were upgraded", plugin=store.plugin, was=present, now=tables.version)
