"""Bringing the tables of an index to the schema of this version.

An empty database gets the tables of `pacs_framework.index.schema` in one go and is marked with the
newest revision; migrations are for what an older version made. A start with an index of this
version takes one look at the table of revisions, and Alembic is not imported.

Alembic keeps one branch for the kernel (label ``kernel``); a plugin that keeps tables of its own
brings a branch of its own. Called inside a write transaction that holds the write lock of the
archive, so that two nodes that start together do not both migrate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from pacs_framework.errors import ConfigurationError
from pacs_framework.index import schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["NEWEST", "migrate"]

NEWEST = frozenset({"kernel0001"})
"""The revisions of an index of this version, one for each branch."""

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

    Raises `ConfigurationError` when the database was written by a newer version, or holds tables
    that no migration made.
    """
    present = _present(connection)
    if present == NEWEST:
        return
    if present:
        from pacs_framework.index.upgrade import (  # noqa: PLC0415 - Alembic is slow to import
            upgrade,
        )

        upgrade(connection, present)
        _log.info("the index was migrated", was=sorted(present), now=sorted(NEWEST))
    else:
        _make(connection)
        _log.info("the index was made", now=sorted(NEWEST))


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
    _REVISIONS.create(connection, checkfirst=True)
    rows = [{"version_num": revision} for revision in sorted(NEWEST)]
    connection.execute(sa.insert(_REVISIONS), rows)
