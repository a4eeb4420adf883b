"""Tables: who may log in. A row holds what proves a password or a token, never it."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["NAME", "TABLES", "link", "token", "user"]

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
    sa.Column("limits", sa.Text, nullable=False),  # JSON: list of patients, modalities, studies
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

TABLES = PluginTables(metadata=_metadata)
