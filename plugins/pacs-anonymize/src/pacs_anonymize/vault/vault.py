"""A vault: entries kept durably, found again by pseudonym or by original, readings written down."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from pacs_anonymize.vault import trail
from pacs_anonymize.vault.database import VaultDatabase, discard_file
from pacs_anonymize.vault.entries import Entry, Kind
from pacs_anonymize.vault.errors import VaultConflict, VaultError
from pacs_anonymize.vault.keys import VaultKeys
from pacs_anonymize.vault.tables import ENTRY, FORMAT, METADATA, TRAIL, VAULT
from pacs_anonymize.vault.trail import Act, Head, Line

__all__ = ["Vault", "create_vault"]

_AT_ONCE = 400
"""Values in one statement: SQLite of old has room for 999 parameters."""
_ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """An entry as it lies in the database."""

    kind: int
    pseudonym: bytes
    original: bytes
    sealed: bytes


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
        rows = {(row.kind, row.pseudonym): row for row in map(self._sealed, entries)}
        insert = _insert_of(connection)(ENTRY).on_conflict_do_nothing()
        if not rows:
            return
        connection.execute(insert, [asdict(row) for row in rows.values()])
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
        return {blind[row.pseudonym]: self._opened(row) for row in found}

    def by_original(self, kind: Kind, original: str) -> list[Entry]:
        """The entries of an original; several, where it was de-identified with several keys."""
        blind = self._keys.blind(f"original {kind}", original)
        with self._database.reading() as connection:
            found = list(_found(connection, kind, ENTRY.c.original, [blind]))
        return sorted(map(self._opened, found), key=lambda entry: entry.pseudonym)

    def all_of(self, kind: Kind) -> Iterator[Entry]:
        """Every entry of a kind, in no order that means anything."""
        query = sa.select(ENTRY).where(ENTRY.c.kind == int(kind))
        with self._database.reading() as connection:
            for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
                yield self._opened(row)

    def counts(self) -> dict[Kind, int]:
        """How many entries there are of each kind."""
        query = sa.select(ENTRY.c.kind, sa.func.count()).group_by(ENTRY.c.kind)
        with self._database.reading() as connection:
            found = {Kind(kind): count for kind, count in connection.execute(query)}
        return {kind: found.get(kind, 0) for kind in Kind}

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

        Raises `VaultDamaged` where an entry or the trail is not whole.
        """
        with self._database.writing() as connection:
            row = self._locked(connection)
            old, new = self._keys, VaultKeys(key, row.vault_id)
            lines = list(trail.read_lines(connection, old, row))
            entries = [self._opened(each) for each in connection.execute(sa.select(ENTRY))]
            connection.execute(sa.delete(ENTRY))
            connection.execute(sa.delete(TRAIL))
            self._keys = new
            try:
                for at in range(0, len(entries), _AT_ONCE):
                    rows = [asdict(self._sealed(entry)) for entry in entries[at : at + _AT_ONCE]]
                    connection.execute(sa.insert(ENTRY), rows)
                self._write_anew(connection, lines, act)
            except BaseException:
                self._keys = old
                raise
        self._key = key

    def _write_anew(self, connection: Connection, lines: Sequence[Line], act: Act) -> None:
        connection.execute(
            sa.update(VAULT).values(proof=self._keys.proof, last_line=0, last_link=b"")
        )
        for line in lines:
            row = self._locked(connection)
            trail.append(connection, self._keys, row, [line.act], now=line.when)
        trail.append(connection, self._keys, self._locked(connection), [act])

    def close(self) -> None:
        """Close the database, if it was opened."""
        if "_database" in self.__dict__:
            self._database.close()

    # --- rows -------------------------------------------------------------------------------------

    def _locked(self, connection: Connection, *, shared: bool = False) -> sa.Row[Any]:
        """The row of the vault, held by this transaction; its key may have been changed."""
        row = self._database.lock(connection, shared=shared)
        if row is None:
            raise _none_here(self._database)
        if row.proof != self._keys.proof:
            raise _wrong_key(self._database)
        return row

    def _sealed(self, entry: Entry) -> _Row:
        keys, kind = self._keys, int(entry.kind)
        pseudonym = keys.blind(f"pseudonym {kind}", entry.pseudonym)
        text = json.dumps([entry.pseudonym, entry.original, entry.facts])
        return _Row(
            kind=kind,
            pseudonym=pseudonym,
            original=keys.blind(f"original {kind}", entry.original),
            sealed=keys.seal(text, _place(kind, pseudonym)),
        )

    def _opened(self, row: sa.Row[Any]) -> Entry:
        text = self._keys.unseal(row.sealed, _place(row.kind, row.pseudonym))
        pseudonym, original, facts = json.loads(text)
        return Entry(kind=Kind(row.kind), pseudonym=pseudonym, original=original, facts=facts)


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
            trail.append(connection, keys, row, [act])
    except BaseException:
        discard_file(database)
        raise
    database.close()
    return Vault(place, key)


def _check_none_here(connection: Connection, database: VaultDatabase) -> None:
    if sa.inspect(connection).has_table(VAULT.name):
        raise VaultError(f"{database.name!r} has a vault already; it is never overwritten")


def _place(kind: int, pseudonym: bytes) -> bytes:
    return kind.to_bytes(2) + pseudonym


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
