"""The index of a backup put in the place of an empty one, with the new keys of its objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from pacs_framework.backups.dumped import read_lines
from pacs_framework.backups.folder import Group, Snapshot
from pacs_framework.backups.loading import load as load_tables
from pacs_framework.errors import BackupError
from pacs_framework.index import schema
from pacs_framework.index.beside import beside, fold_log, remove_database, swap
from pacs_framework.index.database import open_database, unavailable
from pacs_framework.index.migrate import NEWEST, mark
from pacs_framework.index.presence import alone

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["load", "refuse_full", "refuse_newer"]

_REVISIONS = "alembic_version"
_OF_INSTANCES = {
    (table.name, column.name)
    for table in schema.metadata.tables.values()
    for column in table.columns
    for key in column.foreign_keys
    if key.column.table is schema.instance
}
# Where consumers stand, and what is to be deleted: an archive that only ran may have those.
_TELLING = {*schema.metadata.tables} - {schema.cursor.name, schema.obsolete.name}


def refuse_newer(index: Group) -> None:
    """Raise `BackupError` for tables of a version that this one cannot migrate from."""
    if set(index.version) == NEWEST:
        return
    from pacs_framework.index.upgrade import (  # noqa: PLC0415 - Alembic is slow to import
        known_revisions,
    )

    unknown = sorted(set(index.version) - known_revisions())
    if unknown:
        raise BackupError(
            f"the index in the backup has schema revision {unknown[0]!r}, which this version of "
            "pacs-framework does not know; it was written by a newer one: install that"
        )


def refuse_full(url: str) -> None:
    """Raise `BackupError` where the index at ``url`` holds anything."""
    path = _file(url)
    if path is not None and not path.exists():
        return
    with closing(open_database(url, migrated=False)) as database, database.reading() as connection:
        _refuse_full(connection)


def load(
    snapshot: Snapshot,
    url: str,
    key: Callable[[str], str | None],
    *,
    missing: Collection[str],
    keep_obsolete: bool,
) -> int:
    """Put the index of ``snapshot`` in place, all of it or nothing; how many instances it has.

    ``key`` tells the storage key of an object by its version; those of ``missing`` are left out,
    and what is empty without them. ``keep_obsolete`` keeps the notes of objects that are still to
    be deleted. Where all of it is in place already, nothing is done. Raises `BackupError` and
    `IndexUnavailable`, on PostgreSQL `ConfigurationError` while others work on the index.
    """
    rows = _Rows(key=key, missing=set(missing), keep_obsolete=keep_obsolete)
    path = _file(url)
    try:
        if path is None:
            number = _into_server(snapshot, url, rows)
        else:
            number = _into_file(snapshot, path, url, rows)
    except DBAPIError as error:
        raise unavailable(error.orig) from error
    with closing(open_database(url)):  # tables of an older version are migrated
        return number


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    return Path(parsed.database or "")


@dataclass(slots=True, kw_only=True)
class _Rows:
    """Changes rows on their way in."""

    key: Callable[[str], str | None]
    missing: set[str]
    keep_obsolete: bool
    left_out: set[int] = field(default_factory=set)

    def __call__(self, table: str, row: dict[str, Any]) -> dict[str, Any] | None:
        if table == schema.instance.name:
            return self._instance(row)
        if table == schema.obsolete.name and not self.keep_obsolete:
            return None  # the old storage had those objects
        for of, column in _OF_INSTANCES:
            if of == table and row[column] in self.left_out:
                return None
        return row

    def _instance(self, row: dict[str, Any]) -> dict[str, Any] | None:
        key = self.key(row["version"])
        if key is None and row["version"] in self.missing:
            self.left_out.add(row["id"])
            return None
        if key is None:
            raise BackupError(
                f"the backup names no object of the instance {row['sop_instance_uid']!r}; "
                "it is damaged"
            )
        return {**row, "storage_key": key}


def _into_file(snapshot: Snapshot, path: Path, url: str, rows: _Rows) -> int:
    new = beside(path)
    remove_database(new)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        where = make_url(url).set(database=str(new)).render_as_string(hide_password=False)
        with closing(open_database(where, migrated=False)) as database:
            with database.writing() as connection:
                number = _fill(connection, snapshot, rows)
            fold_log(database)
        swap(new, path)
    finally:
        remove_database(new)
    return number


def _into_server(snapshot: Snapshot, url: str, rows: _Rows) -> int:
    with (
        closing(open_database(url, migrated=False)) as database,
        alone(database, "a backup is restored"),
        database.writing() as connection,
    ):
        number = _there_already(connection, snapshot, rows)
        if number is not None:
            return number
        _refuse_full(connection)
        _drop_empty(connection)
        return _fill(connection, snapshot, rows)


def _there_already(connection: Connection, snapshot: Snapshot, rows: _Rows) -> int | None:
    """How many instances there are, where a restore was killed after this step."""
    if not sa.inspect(connection).has_table(schema.instance.name):
        return None
    # An older version lacks columns that those of today have.
    table = sa.table(schema.instance.name, sa.column("sop_instance_uid"), sa.column("version"))
    versions = connection.execute(sa.select(table.c.version), execution_options={"yield_per": 500})
    number = 0
    for (version,) in versions:
        number += 1
        if rows.key(version) is None:
            return None
    expected = snapshot.index.written.rows[schema.instance.name] - len(rows.missing)
    return number if number and number == expected else None


def _refuse_full(connection: Connection) -> None:
    present = set(sa.inspect(connection).get_table_names())
    for name in sorted(present & _TELLING):
        if _has_rows(connection, name):
            raise BackupError(
                f"the index at {connection.engine.url!r} is not empty; a backup is restored into "
                "an empty archive"
            )


def _has_rows(connection: Connection, table: str) -> bool:
    return connection.scalar(sa.select(sa.literal(1)).select_from(sa.table(table)).limit(1)) == 1


def _drop_empty(connection: Connection) -> None:
    """What a start of the archive made. Those of the backup may be of an older version."""
    metadata = sa.MetaData()
    present = set(sa.inspect(connection).get_table_names())
    metadata.reflect(connection, only=sorted(present & {*schema.metadata.tables, _REVISIONS}))
    metadata.drop_all(connection)


def _fill(connection: Connection, snapshot: Snapshot, rows: _Rows) -> int:
    index = snapshot.index
    counts = load_tables(connection, read_lines(snapshot.folder / index.written.file), rows)
    mark(connection, index.version)
    if rows.left_out:
        _prune(connection)
    for table, number in _expected(index.written.rows, rows):
        if counts[table] != number:
            raise BackupError(
                f"table {table!r} has {counts[table]} rows and should have {number}; the backup is "
                "damaged"
            )
    return counts[schema.instance.name]


def _expected(rows: Any, changed: _Rows) -> Iterator[tuple[str, int]]:
    """The tables whose number of rows is known beforehand."""
    of_instances = {table for table, _ in _OF_INSTANCES}
    for table, number in rows.items():
        if table == schema.instance.name:
            yield table, number - len(changed.left_out)
        elif table != schema.obsolete.name and table not in of_instances:
            yield table, number


def _prune(connection: Connection) -> None:
    """Remove series, studies and patients that are empty without the instances left out."""
    for parent, child in (
        (schema.series, schema.instance.c.series_fk),
        (schema.study, schema.series.c.study_fk),
        (schema.patient, schema.study.c.patient_fk),
    ):
        connection.execute(sa.delete(parent).where(parent.c.id.not_in(sa.select(child))))
