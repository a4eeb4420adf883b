"""A vault encrypted with another key, some rows in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pacs_anonymize.vault import tally, trail
from pacs_anonymize.vault.keys import VaultKeys
from pacs_anonymize.vault.rows import opened_entry, sealed_row
from pacs_anonymize.vault.tables import ENTRY, VAULT
from pacs_anonymize.vault.tally import Tally

__all__ = ["encrypt_anew"]

_AT_ONCE = 400

# By their blind pseudonyms, rows stand in another order and place with another key: what is to be
# read lies here meanwhile, encrypted as it was.
_BEFORE = sa.Table(
    "pacs_vault_before",
    sa.MetaData(),
    *(sa.Column(each.name, each.type, nullable=False) for each in ENTRY.c),
    prefixes=["TEMPORARY"],
)


def encrypt_anew(connection: Connection, old: VaultKeys, new: VaultKeys, row: sa.Row[Any]) -> None:
    """Everything with ``new`` in place of ``old``, in a transaction that holds the vault's ``row``.

    Raises `VaultDamaged` where an entry, the tally or the trail is not as it was written.
    """
    connection.execute(sa.update(VAULT).values(proof=new.proof))
    trail.seal_anew(connection, old, new, row)
    _entries(connection, old, new)


def _entries(connection: Connection, old: VaultKeys, new: VaultKeys) -> None:
    _BEFORE.create(connection, checkfirst=False)
    columns = [each.name for each in ENTRY.c]
    connection.execute(sa.insert(_BEFORE).from_select(columns, sa.select(ENTRY)))
    connection.execute(sa.delete(ENTRY))
    found, made = Tally(), Tally()
    for page in _pages(connection):
        for before in page:
            found.count(old, before)
        rows = [sealed_row(new, opened_entry(old, before)) for before in page]
        for after in rows:
            made.count(new, after)
        connection.execute(sa.insert(ENTRY), [asdict(after) for after in rows])
    tally.read(connection, old).check(found)
    tally.begin(connection, new, made)
    _BEFORE.drop(connection, checkfirst=False)


def _pages(connection: Connection) -> Iterator[list[sa.Row[Any]]]:
    query = sa.select(_BEFORE).execution_options(yield_per=_AT_ONCE)
    yield from map(list, connection.execute(query).partitions())
