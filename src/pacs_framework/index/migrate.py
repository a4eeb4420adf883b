"""Bringing the tables of an index to the schema of this version.

An empty database gets the tables of `pacs_framework.index.schema` in one go and is marked with the
newest revision; migrations are for what an older version made. A start with an index of this
version takes one look at the table of revisions, and Alembic is not imported.

Alembic keeps one branch for the kernel (label ``kernel``); a plugin that keeps tables of its own
brings a branch of its own. Called inside a write transaction that holds the write lock of the
archive, so that two nodes that start together do not both migrate.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from pacs_framework.errors import ConfigurationError
from pacs_framework.index import schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["NEWEST", "PRESENCE_LOCK", "mark", "migrate", "others_present"]

NEWEST = frozenset({"kernel0005"})
"""The revisions of an index of this version, one for each branch."""

PRESENCE_LOCK = 0x5041_4354
"""Key of the advisory lock in PostgreSQL that whoever works on the index shares ("PACT")."""

_PRESENT = sa.text(
    """
    SELECT DISTINCT coalesce(a.application_name, '?') AS name,
           coalesce(host(a.client_addr), 'the host of the database') AS address
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.classid = 0 AND l.objid = :lock
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY name
    """
)

# As Alembic makes it, which keeps it from then on.
_REVISIONS = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

_log = structlog.get_logger(__name__)


def migrate(connection: Connection) -> None:
    """Make the tables, or run every migration that the database has not seen yet.

    Raises `ConfigurationError` when the database was written by a newer version, holds tables that
    no migration made, or is to be migrated while another process works on it (PostgreSQL; on SQLite
    the write lock says nothing of readers, and the data folder is one machine's).
    """
    present = _present(connection)
    if present == NEWEST:
        return
    if present:
        from pacs_framework.index.upgrade import (  # noqa: PLC0415 - Alembic is slow to import
            upgrade,
        )

        if connection.dialect.name == "postgresql":
            _keep_others_out(connection, present)
        upgrade(connection, present)
        _log.info("the index was migrated", was=sorted(present), now=sorted(NEWEST))
    else:
        _make(connection)
        _log.info("the index was made", now=sorted(NEWEST))


def others_present(connection: Connection) -> str:
    """Who works on the index, for an error message; PostgreSQL only."""
    rows = connection.execute(_PRESENT, {"lock": PRESENCE_LOCK}).all()
    who = ", ".join(f"{name} (from {address})" for name, address in rows)
    return f"others work on this index: {who or 'they were gone a moment later'}"


def _keep_others_out(connection: Connection, present: set[str]) -> None:
    """Until the end of the transaction: an older version must not write to newer tables."""
    free = connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(PRESENCE_LOCK)))
    if not free:
        raise ConfigurationError(
            f"{others_present(connection)}; stop them before the index is migrated from "
            f"{', '.join(sorted(present))} to {', '.join(sorted(NEWEST))}"
        )


def _present(connection: Connection) -> set[str]:
    """The revisions that the database is marked with."""
    if not sa.inspect(connection).has_table(_REVISIONS.name):
        return set()
    return set(connection.scalars(sa.select(_REVISIONS.c.version_num)))


def _make(connection: Connection) -> None:
    """All tables in an empty database. Raises `ConfigurationError` when it has tables of ours."""
    if sa.inspect(connection).has_table(schema.instance.name):
        where = connection.engine.url.render_as_string(hide_password=True)
        raise ConfigurationError(
            f"the index at {where} holds tables without a schema revision; "
            f"point [index] url at an empty database"
        )
    # Nothing that is there is passed over: a table of such a name would be somebody else's.
    schema.metadata.create_all(connection, checkfirst=False)
    mark(connection, NEWEST)


def mark(connection: Connection, revisions: Collection[str]) -> None:
    """Put down, in a database that is not marked yet, which revisions its tables have."""
    _REVISIONS.create(connection, checkfirst=True)
    rows = [{"version_num": revision} for revision in sorted(revisions)]
    connection.execute(sa.insert(_REVISIONS), rows)
