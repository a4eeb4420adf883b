"""The file of a group of tables: what they are made with, then their rows.

::

    {"version": …, "tables": [{"name": …, "columns": […]}, …], "statements": {ENGINE: [SQL, …]}}
    {"rows of": "patient"}
    [1, "4711", …]
    …
    {"end": {"patient": 1, …}}

The statements make the tables as they were, for each engine. So a backup of an older version goes
into tables of that version, which are then migrated as those of a running archive are.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from pacs_framework.backups.rows import read_row, row_writer
from pacs_framework.errors import BackupError
from pacs_framework.whole_file import whole_file

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

__all__ = ["Written", "check_digest", "dump", "read_lines", "whole_lines"]

_PAGE = 500
_BLOCK = 1 << 20
_QUICK = 1  # of nine: the rest would take four times as long for a tenth of the size
_DIALECTS: Mapping[str, Callable[[], Any]] = {
    "sqlite": sqlite.dialect,
    "postgresql": postgresql.dialect,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file of a backup: its name in the folder, its size and digest, what it holds."""

    file: str
    bytes: int
    sha256: str
    rows: Mapping[str, int]


def dump(
    connection: Connection, tables: Sequence[Table], *, version: object, path: Path
) -> Written:
    """Write what ``connection`` sees of ``tables``, parents first, to the new file ``path``.

    ``version`` is what the owner of the tables wants to know when they come back. Raises OSError,
    and what the driver does.
    """
    rows: dict[str, int] = {}

    def lines() -> Iterator[str]:
        yield json.dumps(
            {
                "version": version,
                "tables": [{"name": t.name, "columns": t.columns.keys()} for t in tables],
                "statements": _statements(tables),
            }
        )
        for table in tables:
            yield json.dumps({"rows of": table.name})
            rows[table.name] = 0
            for line in _rows(connection, table):
                rows[table.name] += 1
                yield line
        yield json.dumps({"end": rows})

    return whole_lines(path, lines(), rows=rows)


def whole_lines(
    path: Path, lines: Iterator[str], *, rows: Mapping[str, int], overwrite: bool = False
) -> Written:
    """Write ``lines`` to the compressed file ``path``, all of them or nothing. Raises OSError."""
    with whole_file(path, overwrite=overwrite) as file:
        # Without name and time in it: the same content is the same file.
        with gzip.GzipFile("", "wb", _QUICK, cast("IO[bytes]", file), mtime=0) as packed:
            for line in lines:
                packed.write(line.encode() + b"\n")
        size = file.tell()
        file.seek(0)
        digest = _digest_of(file)
    return Written(file=path.name, bytes=size, sha256=digest, rows=dict(rows))


def check_digest(folder: Path, written: Written) -> None:
    """Raise `BackupError` where a file is not the one that was written."""
    path = folder / written.file
    try:
        with path.open("rb") as file:
            digest = _digest_of(file)
    except FileNotFoundError:
        raise BackupError(f"{str(path)!r} is missing; the backup is not whole") from None
    if digest != written.sha256:
        raise BackupError(
            f"{str(path)!r} is not the file that the backup wrote: its digest differs; take "
            "another backup of the list"
        )


def read_lines(path: Path) -> Iterator[Any]:
    """What the lines of a file say. Raises `BackupError` for one that is damaged."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield read_row(line)
    except (OSError, EOFError, ValueError) as error:
        raise BackupError(f"{str(path)!r} cannot be read: {type(error).__name__}") from error


def _digest_of(file: BinaryIO) -> str:
    """SHA-256 of what is left to read."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _rows(connection: Connection, table: Table) -> Iterator[str]:
    """Ordered, so that what did not change is the same in the next backup."""
    text = row_writer(table)
    chosen = sa.select(table).order_by(*table.primary_key.columns)
    # An option of the statement, not of the connection, which would keep it.
    result = connection.execute(chosen, execution_options={"yield_per": _PAGE})
    for row in result:
        yield text(tuple(row))


def _statements(tables: Sequence[Table]) -> dict[str, list[str]]:
    """What makes the tables and their indexes, for each engine."""
    parts: list[CreateTable | CreateIndex] = [
        *(CreateTable(table) for table in tables),
        *(
            CreateIndex(index)
            for table in tables
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ),
    ]
    return {
        name: [str(part.compile(dialect=dialect())) for part in parts]
        for name, dialect in _DIALECTS.items()
    }
