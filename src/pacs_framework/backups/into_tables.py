"""The tables of plugins in a backup, put into an archive that has none of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

__all__ = ["about_storage", "load_all", "refuse_full", "refuse_newer"]

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


def about_storage(definitions: Mapping[str, PluginTables]) -> frozenset[str]:
    """The tables of all plugins that tell of the storage as it stands here."""
    return frozenset().union(*(tables.about_storage for tables in definitions.values()))


def refuse_full(
    groups: Sequence[Group], folder: Path, url: str, data: Path, *, apart: Collection[str] = ()
) -> None:
    """Raise `BackupError` where any of the tables is there and has rows; but for those ``apart``.

    These may know the storage already, which was looked at.
    """
    for group in _plugins(groups):
        where = _place(group, url, data)
        if where is None:
            continue
        with (
            closing(open_database(where, migrated=False)) as database,
            database.reading() as connection,
        ):
            _refuse_full(connection, group, _names(group, folder), apart)


def load_all(
    groups: Sequence[Group],
    folder: Path,
    url: str,
    data: Path,
    *,
    apart: Collection[str] = (),
    without: Collection[str] = (),
) -> None:
    """Make and fill the tables of every plugin in the backup, in place of empty ones.

    Those ``apart`` need not be empty, and those ``without`` rows stay empty. The tables of a
    plugin are there whole or not at all. Raises `BackupError` and `IndexUnavailable`.
    """
    try:
        if make_url(url).get_backend_name() == "sqlite":
            for group in _plugins(groups):
                _into_file(group, folder, tables_file(data, group.name), without)
        else:
            _into_server(list(_plugins(groups)), folder, url, apart, without)
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


def _into_file(group: Group, folder: Path, path: Path, without: Collection[str]) -> None:
    new = beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_database(new)
    try:
        with closing(open_database(f"sqlite:///{new}", migrated=False)) as database:
            with database.writing() as connection:
                _fill(connection, group, folder, without)
            fold_log(database)
        swap(new, path)
    finally:
        remove_database(new)


def _into_server(
    groups: Sequence[Group],
    folder: Path,
    url: str,
    apart: Collection[str],
    without: Collection[str],
) -> None:
    """All plugins in one transaction."""
    with (
        closing(open_database(url, migrated=False)) as database,
        database.writing() as connection,
    ):
        for group in groups:
            if _is_there(connection, group, apart):
                continue  # of a restore that was killed right after this step
            names = _names(group, folder)
            _refuse_full(connection, group, names, apart)
            _drop(connection, names)
            _fill(connection, group, folder, without)


def _drop(connection: Connection, names: Sequence[str]) -> None:
    """Empty tables, which a start has made: those of the backup may be of an older version."""
    metadata = sa.MetaData()
    present = set(sa.inspect(connection).get_table_names())
    metadata.reflect(connection, only=sorted(present.intersection(names)))
    metadata.drop_all(connection)


def _fill(connection: Connection, group: Group, folder: Path, without: Collection[str]) -> None:
    def kept(table: str, row: dict[str, Any]) -> dict[str, Any] | None:
        return None if table in without else row

    counts = load(connection, read_lines(folder / group.written.file), kept)
    rows = {name: 0 if name in without else n for name, n in group.written.rows.items()}
    if counts != rows:
        raise BackupError(
            f"the tables of plugin {group.name!r} have other numbers of rows than were written; "
            "the backup is damaged"
        )
    mark(connection, group.name, group.version)


def _is_there(connection: Connection, group: Group, apart: Collection[str]) -> bool:
    """Whether every table has as many rows as were written, and there are any."""
    present = set(sa.inspect(connection).get_table_names())
    rows = {name: n for name, n in group.written.rows.items() if name not in apart}
    if not any(rows.values()) or not present.issuperset(rows):
        return False
    return all(
        connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) == number
        for name, number in rows.items()
    )


def _refuse_full(
    connection: Connection, group: Group, names: Sequence[str], apart: Collection[str]
) -> None:
    present = set(sa.inspect(connection).get_table_names())
    for name in present.intersection(names).difference(apart):
        rows = sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)
        if connection.scalar(rows) == 1:
            raise BackupError(
                f"the tables of plugin {group.name!r} are not empty; a backup is restored into an "
                "empty archive"
            )
