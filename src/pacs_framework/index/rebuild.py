"""An index in the making: filled in one transaction, and in place of the old one only at the end.

On SQLite a new file is made beside the old one and takes its name at the end; on PostgreSQL the
rows are replaced in one transaction. Until then the old index is as it was. What the storage cannot
tell is kept where the old index can still be read: the corrections of patients, what was deleted,
protections and labels, the change feed, and its consumers' cursors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from pacs_framework.index import schema
from pacs_framework.index.beside import beside, fold_log, remove_database, swap
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import Entry
from pacs_framework.index.prepared import Cursor, Prepared
from pacs_framework.index.presence import alone
from pacs_framework.index.recorder import Outcome, Recorder
from pacs_framework.index.session import WriteSession
from pacs_framework.index.write_lock import FileWriteLock

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import URL, Dialect, Engine

__all__ = ["Rebuild", "rebuilding"]

_log = structlog.get_logger(__name__)

_PAGE = 500
_CHILDREN_FIRST = (
    schema.recorded_patient,
    schema.instance,
    schema.series,
    schema.study,
    schema.patient,
)
_ONLY_HERE = (
    (
        (schema.change, schema.cursor),
        "the change feed of the old index is lost, consumers begin anew",
    ),
    (
        (
            schema.patient_correction,
            schema.corrected_patient,
            schema.patient_link,
            schema.linked_patient,
        ),
        "the corrections of patients in the old index are lost; restore it, or correct again",
    ),
    (
        (schema.obsolete,),
        "what was deleted just before the old index was lost may come back; `pacs delete` it again",
    ),
    (
        (schema.deletion,),
        "the list of deletions in the old index is lost; restore it if you need it",
    ),
    (
        (schema.protection, schema.label),
        "protections and labels in the old index are lost; restore it, or set them again",
    ),
)
# As `pacs_framework.archive.source` has it. A feed cuts names to 16 characters, and of one that may
# have been cut nobody knows what it was. Ways in of the archive's own have no caller.
_SENDERS = """
UPDATE instance SET source_aet =
    CASE WHEN length(told.calling_aet) < 16 OR told.door = 'dimse'
    THEN told.calling_aet ELSE '' END
FROM change AS told
JOIN (
    SELECT max(sequence) AS sequence FROM change
    WHERE kind IN ('stored', 'replaced') GROUP BY sop_instance_uid
) AS newest ON newest.sequence = told.sequence
WHERE told.sop_instance_uid = instance.sop_instance_uid
  AND (told.calling_aet <> '' OR told.door NOT IN ('import', 'recovery', 'reindex'))
"""
_found = sa.Table(
    "object_found",
    sa.MetaData(),
    sa.Column("version", sa.Text(), primary_key=True),
    sa.Column("storage_key", sa.Text(), primary_key=True),
    prefixes=["TEMPORARY"],
)


class Rebuild:
    """The index that is being made: `note` the objects, go through `keys`, `add` their entries.

    Objects that were to be deleted are passed over: they go at the next start of the archive.
    """

    def __init__(self, cursor: Cursor, dialect: Dialect) -> None:
        self._cursor = cursor
        self._recorder = Recorder(dialect)
        self._note = Prepared(
            sa.insert(_found).inline(), dialect, column_keys=["version", "storage_key"]
        )
        self._next = Prepared(_next_keys(), dialect)
        cursor.execute(str(sa.schema.CreateTable(_found).compile(dialect=dialect)))

    def note(self, objects: Iterable[tuple[str, str]]) -> None:
        """Version and key of objects that are in the storage."""
        rows = [{"version": version, "storage_key": key} for version, key in objects]
        self._note.run_many(self._cursor, rows)

    def keys(self) -> Iterator[tuple[str, str]]:
        """Version and key of what was noted, by version, a page of them in memory at a time."""
        last = ("", "")
        while True:
            self._next.run(self._cursor, {"version_": last[0], "key_": last[1]})
            page = self._cursor.fetchall()
            if not page:
                return
            yield from ((row[0], row[1]) for row in page)
            last = (page[-1][0], page[-1][1])

    def add(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Index ``entries``, each of another SOP Instance UID; their changes are history."""
        return self._recorder.record(self._cursor, entries, announce=False)

    def remember_senders(self) -> None:
        """Believe the change feed, where there is one: it knows senders that objects do not name,
        or name wrongly.
        """
        self._cursor.execute(_SENDERS)


@contextmanager
def rebuilding(url: str) -> Iterator[Rebuild]:
    """Make the index at ``url`` anew; on a clean exit it is in place, else the old one stays.

    On SQLite no archive may be running on the index. Raises `IndexUnavailable`, and
    `ConfigurationError`: on PostgreSQL also while any process works on the index.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        with _new_file(parsed, Path(parsed.database)) as rebuild:
            yield rebuild
        return
    database = open_database(url)
    try:
        with alone(database, "the index is made anew"), _transaction(database) as cursor:
            for table in _CHILDREN_FIRST:
                cursor.execute(str(sa.delete(table).compile(dialect=database.dialect)))
            rebuild = Rebuild(cursor, database.dialect)
            yield rebuild
            rebuild.remember_senders()
    finally:
        database.close()


@contextmanager
def _transaction(database: Database) -> Iterator[Cursor]:
    """One write transaction. Raises `IndexUnavailable`."""
    session = WriteSession(database, patience="0")  # reading objects takes as long as it takes
    try:
        with session.transaction() as cursor:
            yield cursor
    except session.errors as error:
        raise session.explain(error) from error
    finally:
        session.close()


@contextmanager
def _new_file(url: URL, path: Path) -> Iterator[Rebuild]:
    """A database beside the one at ``path``, which it replaces on a clean exit."""
    new = beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileWriteLock(path.with_name(path.name + ".lock"))
    try:
        with lock:
            remove_database(new)
            try:
                with _filled(url.set(database=str(new)), url if path.exists() else None) as made:
                    yield made
                swap(new, path)
            finally:
                remove_database(new)
    finally:
        lock.close()


@contextmanager
def _filled(new: URL, old: URL | None) -> Iterator[Rebuild]:
    database = open_database(new.render_as_string(hide_password=False))
    try:
        with _transaction(database) as cursor:
            if old is not None:
                _carry_over(old, cursor, database.dialect)
            rebuild = Rebuild(cursor, database.dialect)
            yield rebuild
            rebuild.remember_senders()
        fold_log(database)
    finally:
        database.close()


def _carry_over(old: URL, cursor: Cursor, dialect: Dialect) -> None:
    """What only the index that is replaced knows, as far as it is readable."""
    engine = sa.create_engine(old)
    try:
        for tables, lost in _ONLY_HERE:
            try:
                _copy(engine, tables, cursor, dialect)
            except DBAPIError as error:
                _log.warning(lost, error=type(error.orig).__name__)
                for table in reversed(tables):
                    cursor.execute(str(sa.delete(table)))
    finally:
        engine.dispose()


def _copy(engine: Engine, tables: Sequence[Table], cursor: Cursor, dialect: Dialect) -> None:
    with engine.connect() as connection:
        present = sa.inspect(connection).get_table_names()
        for table in tables:
            if table.name not in present:
                continue  # an older version made that index
            insert = Prepared(sa.insert(table).inline(), dialect, column_keys=table.c.keys())
            rows = connection.execute(sa.select(table)).mappings()
            for some in rows.partitions(_PAGE):
                insert.run_many(cursor, [dict(row) for row in some])


def _next_keys() -> sa.Select[tuple[str, str]]:
    """A page of what was noted, after a given place."""
    c = _found.c
    version, key = sa.bindparam("version_", type_=sa.Text()), sa.bindparam("key_", type_=sa.Text())
    obsolete = schema.obsolete.c.storage_key
    return (
        sa.select(c.version, c.storage_key)
        .where(c.storage_key.not_in(sa.select(obsolete)))
        .where(sa.or_(c.version > version, sa.and_(c.version == version, c.storage_key > key)))
        .order_by(c.version, c.storage_key)
        .limit(sa.literal_column(str(_PAGE)))
    )
