"""A vault: entries kept durably, found again by pseudonym or by original, readings written down."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from pacs_anonymize.vault import tally, trail
from pacs_anonymize.vault.database import VaultDatabase, discard_file
from pacs_anonymize.vault.entries import Entry, Kind
from pacs_anonymize.vault.errors import VaultConflict, VaultError
from pacs_anonymize.vault.keys import VaultKeys
from pacs_anonymize.vault.rekeying import encrypt_anew
from pacs_anonymize.vault.rows import opened_entry, sealed_row
from pacs_anonymize.vault.tables import ENTRY, FORMAT, METADATA, TRAIL, VAULT
from pacs_anonymize.vault.tally import Tally
from pacs_anonymize.vault.trail import Act, Head, Line

__all__ = ["Vault", "create_vault"]

_AT_ONCE = 400
"""Values in one statement: SQLite of old has room for 999 parameters."""
_ID_BYTES = 16


class Vault:
    """An open vault; the database is opened when it is first needed, in each process anew.

    Raises `VaultError` then: where there is none, for another key, and where it is away.
    """

    def __init__(self, place: str, key: bytes) -> None:
        self._place = place
        self._key = key

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._place, self._key)

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        return self._database.name

    def open(self) -> None:
        """Look whether it is there and the key is its own."""
        _ = self._keys

    @cached_property
    def _database(self) -> VaultDatabase:
        return VaultDatabase(self._place)

    @cached_property
    def _keys(self) -> VaultKeys:
        with self._database.reading() as connection:
            row = _row_of(connection, self._database)
        return _keys_for(row, self._key, self._database)

    # --- writing ----------------------------------------------------------------------------------

    def keep(self, entries: Iterable[Entry]) -> None:
        """Keep entries, durable when this returns; those that are there stay.

        Raises `VaultConflict` where a pseudonym stands for another original; none is kept then.
        """
        with self._database.writing() as connection:
            self._locked(connection, shared=True)
            self.keep_in(connection, entries)

    def keep_in(self, connection: Connection, entries: Iterable[Entry]) -> None:
        """As `keep`, in a transaction of `writing`."""
        keys = self._keys
        rows = {(row.kind, row.pseudonym): row for row in (sealed_row(keys, e) for e in entries)}
        if not rows:
            return
        insert = _insert_of(connection)(ENTRY).on_conflict_do_nothing()
        # In one order, so that no two transactions wait for each other.
        values = [asdict(rows[place]) for place in sorted(rows)]
        returning = insert.returning(ENTRY.c.kind, ENTRY.c.pseudonym)
        new = connection.execute(returning, values).all()
        if new:
            tally.add(connection, keys, (rows[row.kind, row.pseudonym] for row in new))
        for kind in {kind for kind, _ in rows}:
            blind = [pseudonym for of, pseudonym in rows if of == kind]
            columns = (ENTRY.c.pseudonym, ENTRY.c.original)
            for found in _found(connection, kind, ENTRY.c.pseudonym, blind, columns):
                if found.original != rows[kind, found.pseudonym].original:
                    raise VaultConflict(
                        f"a pseudonym ({Kind(kind).name}) stands for another original in the vault "
                        f"{self.name!r} already: take another vault for another key or table"
                    )

    @contextmanager
    def writing(self, *acts: Act) -> Iterator[Connection]:
        """A transaction, with the lines of the trail for what is done in it."""
        with self._database.writing() as connection:
            row = self._locked(connection)
            trail.append(connection, self._keys, row, acts)
            yield connection

    def note(self, acts: Sequence[Act]) -> None:
        """Write lines into the audit trail; durable when this returns."""
        with self.writing(*acts):
            pass

    # --- reading ----------------------------------------------------------------------------------

    def by_pseudonym(self, kind: Kind, pseudonyms: Iterable[str]) -> dict[str, Entry]:
        """The entries of pseudonyms. Who asks writes down why, with `note`, before."""
        keys = self._keys
        blind = {keys.blind(f"pseudonym {kind}", each): each for each in pseudonyms}
        with self._database.reading() as connection:
            found = list(_found(connection, kind, ENTRY.c.pseudonym, list(blind)))
        return {blind[row.pseudonym]: opened_entry(keys, row) for row in found}

    def by_original(self, kind: Kind, original: str) -> list[Entry]:
        """The entries of an original; several, where it was de-identified with several keys."""
        keys = self._keys
        blind = keys.blind(f"original {kind}", original)
        with self._database.reading() as connection:
            found = list(_found(connection, kind, ENTRY.c.original, [blind]))
        entries = (opened_entry(keys, row) for row in found)
        return sorted(entries, key=lambda entry: entry.pseudonym)

    def all_of(self, kind: Kind) -> Iterator[Entry]:
        """Every entry of a kind, in no order that means anything."""
        query = sa.select(ENTRY).where(ENTRY.c.kind == int(kind))
        with self._database.reading() as connection:
            for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
                yield opened_entry(self._keys, row)

    def counts(self) -> dict[Kind, int]:
        """How many entries there are of each kind."""
        query = sa.select(ENTRY.c.kind, sa.func.count()).group_by(ENTRY.c.kind)
        with self._database.reading() as connection:
            found = {Kind(kind): count for kind, count in connection.execute(query)}
        return {kind: found.get(kind, 0) for kind in Kind}

    def check(self) -> dict[Kind, int]:
        """Read everything, as it was at one time; how many entries there are of each kind.

        Raises `VaultDamaged` where an entry or the trail is not as it was written, and where an
        entry is gone that was kept.
        """
        query, there = sa.select(ENTRY), Tally()
        with self._database.reading(at_one_time=True) as connection:
            row, keys = _row_of(connection, self._database), self._keys
            for found in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
                opened_entry(keys, found)
                there.count(keys, found)
            tally.read(connection, keys).check(there)
            for _ in trail.read_lines(connection, keys, row):
                pass
        return {kind: there.counts[int(kind)] for kind in Kind}

    def lines(self) -> list[Line]:
        """The audit trail. Raises `VaultDamaged` where it is not whole."""
        with self._database.reading() as connection:
            row = _row_of(connection, self._database)
            return list(trail.read_lines(connection, self._keys, row))

    def head(self) -> Head:
        """The end of the audit trail."""
        with self._database.reading() as connection:
            row = _row_of(connection, self._database)
        return Head(row.last_line, row.last_link)

    def had(self, head: str) -> bool:
        """Whether a head that was told once is a line of the trail."""
        number, _, link = head.partition(":")
        if not (number.isdecimal() and link):
            return False
        query = sa.select(TRAIL).where(TRAIL.c.line == int(number))
        with self._database.reading() as connection:
            found = connection.execute(query).one_or_none()
        return found is not None and str(Head(found.line, found.link)) == head

    # --- the key ----------------------------------------------------------------------------------

    def change_key(self, key: bytes, act: Act) -> None:
        """Encrypt everything with another key, in one transaction: all of it or nothing.

        Raises `VaultDamaged` where not everything is as it was written.
        """
        with self._database.writing() as connection:
            row = self._locked(connection)
            new = VaultKeys(key, row.vault_id)
            encrypt_anew(connection, self._keys, new, row)
            trail.append(connection, new, _row_of(connection, self._database), [act])
        self._key, self._keys = key, new

    def close(self) -> None:
        """Close the database, if it was opened."""
        if "_database" in self.__dict__:
            self._database.close()

    def _locked(self, connection: Connection, *, shared: bool = False) -> sa.Row[Any]:
        """The row of the vault, held by this transaction; its key may have been changed."""
        row = self._database.lock(connection, shared=shared)
        if row is None:
            raise _none_here(self._database)
        if row.proof != self._keys.proof:
            raise _wrong_key(self._database)
        return row


def create_vault(place: str, key: bytes, act: Act) -> Vault:
    """A new vault. Raises `VaultError` where one is there."""
    database = VaultDatabase(place, create=True)
    vault_id = secrets.token_bytes(_ID_BYTES)
    keys = VaultKeys(key, vault_id)
    try:
        with database.writing() as connection:
            _check_none_here(connection, database)
            METADATA.create_all(connection)
            first = {"id": 1, "format": FORMAT, "vault_id": vault_id, "proof": keys.proof}
            connection.execute(sa.insert(VAULT), [{**first, "last_line": 0, "last_link": b""}])
            row = database.lock(connection)
            assert row is not None
            tally.begin(connection, keys)
            trail.append(connection, keys, row, [act])
    except BaseException:
        discard_file(database)
        raise
    database.close()
    return Vault(place, key)


def _check_none_here(connection: Connection, database: VaultDatabase) -> None:
    if sa.inspect(connection).has_table(VAULT.name):
        raise VaultError(f"{database.name!r} has a vault already; it is never overwritten")


def _insert_of(connection: Connection) -> Any:
    dialect = connection.dialect.name
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def _found(
    connection: Connection,
    kind: int,
    column: sa.ColumnElement[bytes],
    values: Sequence[bytes],
    columns: Sequence[sa.ColumnElement[Any]] = tuple(ENTRY.c),
) -> Iterator[sa.Row[Any]]:
    """The rows of a kind whose ``column`` is one of ``values``."""
    for at in range(0, len(values), _AT_ONCE):
        some = values[at : at + _AT_ONCE]
        query = sa.select(*columns).where(ENTRY.c.kind == int(kind), column.in_(some))
        yield from connection.execute(query)


def _row_of(connection: Connection, database: VaultDatabase) -> sa.Row[Any]:
    there = sa.inspect(connection).has_table(VAULT.name)
    row = connection.execute(sa.select(VAULT)).one_or_none() if there else None
    if row is None:
        raise _none_here(database)
    return row


def _keys_for(row: sa.Row[Any], key: bytes, database: VaultDatabase) -> VaultKeys:
    if row.format != FORMAT:
        raise VaultError(
            f"the vault {database.name!r} is of format {row.format}, which this version of "
            f"pacs-anonymize does not know: install a newer one"
        )
    keys = VaultKeys(key, row.vault_id)
    if keys.proof != row.proof:
        raise _wrong_key(database)
    return keys


def _none_here(database: VaultDatabase) -> VaultError:
    return VaultError(
        f"there is no vault in {database.name!r}; `pacs anonymize vault create` makes one"
    )


def _wrong_key(database: VaultDatabase) -> VaultError:
    return VaultError(f"this is not the key of the vault {database.name!r}: give the one it has")
