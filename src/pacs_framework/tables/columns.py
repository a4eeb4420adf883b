"""What tables are described with, so that both engines mean the same by it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Dialect

__all__ = ["TEXT", "TIME", "insert", "new_metadata"]

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is compared by its bytes: prefixes and ranges use an index, whatever the locale of a
PostgreSQL database is.
"""


class _Time(sa.TypeDecorator[dt.datetime]):
    """A moment: goes in and comes out with its offset from UTC, which SQLite would forget."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """In UTC. Raises ValueError for a moment without offset, which could be any."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without tzinfo names no moment; use datetime.now(UTC)")
        return value.astimezone(dt.UTC)

    def process_result_value(
        self, value: dt.datetime | None, dialect: Dialect
    ) -> dt.datetime | None:
        """With UTC as its zone."""
        if value is None:
            return None
        stored_as_utc = dialect.name == "sqlite"
        return value.replace(tzinfo=dt.UTC) if stored_as_utc else value.astimezone(dt.UTC)


TIME = _Time()
"""A moment, as an aware `datetime.datetime` in UTC on both engines."""


def new_metadata() -> sa.MetaData:
    """An empty collection of tables that names constraints and indexes as the index does."""
    return sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def insert(table: sa.Table, connection: Connection) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the engine behind ``connection``, which has ``on_conflict_do_update``."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
