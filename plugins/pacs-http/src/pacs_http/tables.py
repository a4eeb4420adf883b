"""Tables: who may log in. A row holds what proves a password or a token, never it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["NAME", "TABLES", "guard", "link", "token", "user"]

NAME = "http"

_metadata = new_metadata()

user = sa.Table(
    "http_user",
    _metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("password", sa.Text, nullable=False),  # argon2id, with its salt and parameters
    sa.Column("roles", sa.Text, nullable=False),  # with spaces between
    sa.Column("changed", TIME, nullable=False),
)

token = sa.Table(
    "http_token",
    _metadata,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),  # SHA-256 of its secret
    sa.Column("name", TEXT, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("limits", sa.Text, nullable=False),  # JSON: a list of rules by name, see Limit
    sa.Column("created", TIME, nullable=False),
    sa.Column("expires", TIME),
)

link = sa.Table(
    "http_link",
    _metadata,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),  # SHA-256 of its secret
    sa.Column("study", TEXT, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("created", TIME, nullable=False),
    sa.Column("expires", TIME, nullable=False),
)

# One row from the first user or token on: with the last one gone, nobody may do everything again.
guard = sa.Table(
    "http_guard",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("since", TIME, nullable=False),
)


def _add_guard(connection: Connection) -> None:
    """Version 2: it is remembered that there were users; told of those that are there."""
    metadata = new_metadata()
    added = sa.Table(
        "http_guard",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", TIME, nullable=False),
    )
    metadata.create_all(connection)
    names = [sa.select(sa.table(each, sa.column("name"))) for each in ("http_user", "http_token")]
    accounts = sa.union_all(*names)
    if connection.execute(accounts.limit(1)).first() is not None:
        connection.execute(sa.insert(added).values(id=1, since=dt.datetime.now(dt.UTC)))


TABLES = PluginTables(metadata=_metadata, version=2, upgrades={2: _add_guard})
