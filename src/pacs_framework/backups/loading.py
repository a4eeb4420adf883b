"""Rows of a backup put into tables that are made for them, on either engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.errors import BackupError

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

__all__ = ["RowChange", "load"]

_BATCH = 500

RowChange = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""Told the table and the row by column; the row to insert, or None to leave it out."""


def _as_it_is(_table: str, row: dict[str, Any]) -> dict[str, Any]:
    return row


def load(
    connection: Connection, lines: Iterable[Any], change: RowChange = _as_it_is
) -> dict[str, int]:
    """Make the tables of a dump, none of which is there, and fill them; how many rows each has.

    ``lines`` are those of `pacs_framework.backups.dumped.read_lines`. Runs in the transaction of
    ``connection``. Raises `BackupError` for a dump that is not whole, and what the driver does.
    """
    rest = iter(lines)
    head = next(rest, None)
    if not isinstance(head, dict) or "statements" not in head:
        raise BackupError("the tables of the backup have no description; it is damaged")
    for statement in head["statements"][connection.dialect.name]:
        connection.exec_driver_sql(statement)
    columns = {table["name"]: table["columns"] for table in head["tables"]}
    tables = _reflected(connection, list(columns))
    counts: dict[str, int] = {}
    said = None
    for name, rows in _by_table(rest):
        if name is None:
            said = rows
            continue
        counts[name] = _fill(connection, tables[name], columns[name], rows, change)
    if said is None:
        raise BackupError("the tables of the backup end in the middle; it is damaged")
    for table in tables.values():
        _continue_numbers(connection, table)
    return counts


def _reflected(connection: Connection, names: list[str]) -> dict[str, Table]:
    """The tables as the engine has them now: their types say how values go in."""
    metadata = sa.MetaData()
    metadata.reflect(connection, only=names)
    return {name: metadata.tables[name] for name in names}


def _by_table(lines: Iterator[Any]) -> Iterator[tuple[str | None, Any]]:
    """Each table with its rows, to be read before the next; at last None with the counts."""
    line = next(lines, None)
    while isinstance(line, dict):
        if "end" in line:
            yield None, line["end"]
            return
        after: list[Any] = []
        yield line["rows of"], _until_the_next(lines, after)
        line = after[0] if after else None


def _until_the_next(lines: Iterator[Any], after: list[Any]) -> Iterator[list[Any]]:
    for line in lines:
        if not isinstance(line, list):
            after.append(line)
            return
        yield line


def _fill(
    connection: Connection,
    table: Table,
    columns: list[str],
    rows: Iterator[list[Any]],
    change: RowChange,
) -> int:
    number = 0
    batch: list[dict[str, Any]] = []

    def insert() -> None:
        nonlocal number
        if batch:
            connection.execute(sa.insert(table).inline(), batch)
            number += len(batch)
            batch.clear()

    for values in rows:
        row = change(table.name, dict(zip(columns, values, strict=True)))
        if row is not None:
            batch.append(row)
        if len(batch) == _BATCH:
            insert()
    insert()
    return number


def _continue_numbers(connection: Connection, table: Table) -> None:
    """Have PostgreSQL count on from the largest number; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        sequence = connection.scalar(
            sa.select(sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name))
        )
        if sequence is None:
            continue
        largest = connection.scalar(sa.select(sa.func.max(column)))
        if largest is not None:
            connection.execute(sa.select(sa.func.setval(sequence, largest)))
