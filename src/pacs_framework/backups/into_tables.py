"""The tables of plugins in a backup, put into an archive that has none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from pacs_framework.backups.dumped import read_lines
from pacs_framework.backups.folder import Group
from pacs_framework.backups.loading import load
from pacs_framework.errors import BackupError
from pacs_framework.index.beside import beside, fold_log, remove_database, swap
from pacs_framework.index.database import open_database, unavailable
from pacs_framework.tables.opened import tables_file
from pacs_framework.tables.versions import mark

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.tables import PluginTables

__all__ = ["load_all", "refuse_full", "refuse_newer"]

_INDEX = "index"


def refuse_newer(groups: Sequence[Group], definitions: Mapping[str, PluginTables]) -> None:
    """Raise `BackupError` for tables that the installed plugin is too old for."""
    for group in _plugins(groups):
        tables = definitions.get(group.name)
        if tables is not None and group.version > tables.version:
            raise BackupError(
                f"the tables of plugin {group.name!r} in the backup have version {group.version}, "
                f"and the installed plugin knows them up to {tables.version}; install a newer one"
            )


def refuse_full(groups: Sequence[Group], folder: Path, url: str, data: Path) -> None:
    """Raise `BackupError` where any of the tables is there and has rows."""
    for group in _plugins(groups):
        where = _place(group, url, data)
        if where is None:
            continue
        with (
            closing(open_database(where, migrated=False)) as database,
            database.reading() as connection,
        ):
            _refuse_full(connection, group, _names(group, folder))


def load_all(groups: Sequence[Group], folder: Path, url: str, data: Path) -> None:
    """Make and fill the tables of every plugin in the backup, in place of empty ones.

    Those of a plugin are there whole or not at all. Raises `BackupError` and `IndexUnavailable`.
    """
    try:
        if make_url(url).get_backend_name() == "sqlite":
            for group in _plugins(groups):
                _into_file(group, folder, tables_file(data, group.name))
        else:
            _into_server(list(_plugins(groups)), folder, url)
    except DBAPIError as error:
        raise unavailable(error.orig) from error


def _plugins(groups: Iterable[Group]) -> Iterator[Group]:
    return (group for group in groups if group.name != _INDEX)


def _place(group: Group, url: str, data: Path) -> str | None:
    """The URL of the database for the tables; None where it is a file that is not there."""
    if make_url(url).get_backend_name() != "sqlite":
        return url
    path = tables_file(data, group.name)
    return f"sqlite:///{path}" if path.exists() else None


def _names(group: Group, folder: Path) -> list[str]:
    """The tables, parents first."""
    head = next(read_lines(folder / group.written.file))
    return [table["name"] for table in head["tables"]]


def _into_file(group: Group, folder: Path, path: Path) -> None:
    new = beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_database(new)
    try:
        with closing(open_database(f"sqlite:///{new}", migrated=False)) as database:
            with database.writing() as connection:
                _fill(connection, group, folder)
            fold_log(database)
        swap(new, path)
    finally:
        remove_database(new)


def _into_server(groups: Sequence[Group], folder: Path, url: str) -> None:
    """All plugins in one transaction."""
    with (
        closing(open_database(url, migrated=False)) as database,
        database.writing() as connection,
    ):
        for group in groups:
            if _is_there(connection, group):
                continue  # of a restore that was killed right after this step
            names = _names(group, folder)
            _refuse_full(connection, group, names)
            _drop(connection, names)
            _fill(connection, group, folder)


def _drop(connection: Connection, names: Sequence[str]) -> None:
    """Empty tables, which a start has made: those of the backup may be of an older version."""
    metadata = sa.MetaData()
    present = set(sa.inspect(connection).get_table_names())
    metadata.reflect(connection, only=sorted(present.intersection(names)))
    metadata.drop_all(connection)


def _fill(connection: Connection, group: Group, folder: Path) -> None:
    counts = load(connection, read_lines(folder / group.written.file))
    if counts != group.written.rows:
        raise BackupError(
            f"the tables of plugin {group.name!r} have other numbers of rows than were written; "
            "the backup is damaged"
        )
    mark(connection, group.name, group.version)


def _is_there(connection: Connection, group: Group) -> bool:
    """Whether every table has as many rows as were written, and there are any."""
    present = set(sa.inspect(connection).get_table_names())
    rows = group.written.rows
    if not any(rows.values()) or not present.issuperset(rows):
        return False
    return all(
        connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) == number
        for name, number in rows.items()
    )


def _refuse_full(connection: Connection, group: Group, names: Sequence[str]) -> None:
    present = set(sa.inspect(connection).get_table_names())
    for name in present.intersection(names):
        rows = sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)
        if connection.scalar(rows) == 1:
            raise BackupError(
                f"the tables of plugin {group.name!r} are not empty; a backup is restored into an "
                "empty archive"
            )
