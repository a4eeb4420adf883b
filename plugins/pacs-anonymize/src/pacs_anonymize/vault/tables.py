"""The tables of a vault; nothing in them tells who a pseudonym stands for."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["ENTRY", "FORMAT", "METADATA", "TALLY", "TRAIL", "VAULT"]

FORMAT = 1
"""Grows when older versions of this plugin could not read a vault any more."""

METADATA = sa.MetaData()

VAULT = sa.Table(
    "pacs_vault",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),  # 1: one row
    sa.Column("format", sa.Integer, nullable=False),
    sa.Column("vault_id", sa.LargeBinary, nullable=False),
    sa.Column("proof", sa.LargeBinary, nullable=False),
    sa.Column("last_line", sa.BigInteger, nullable=False),
    sa.Column("last_link", sa.LargeBinary, nullable=False),
)

ENTRY = sa.Table(
    "pacs_vault_entry",
    METADATA,
    sa.Column("kind", sa.SmallInteger, primary_key=True),
    sa.Column("pseudonym", sa.LargeBinary, primary_key=True),  # blind
    sa.Column("original", sa.LargeBinary, nullable=False),  # blind
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("pacs_vault_entry_original", "kind", "original"),
    sqlite_with_rowid=False,
)

TALLY = sa.Table(
    "pacs_vault_tally",
    METADATA,
    sa.Column("part", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

TRAIL = sa.Table(
    "pacs_vault_trail",
    METADATA,
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("link", sa.LargeBinary, nullable=False),
)
