"""The database of a vault: a file of SQLite, or PostgreSQL where nodes share it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from pacs_anonymize.vault.errors import VaultError
from pacs_anonymize.vault.tables import VAULT
from pacs_framework.folders import make_folders

__all__ = ["VaultDatabase", "discard_file", "parse_place"]

_WRITING = "pacs_vault_writing"
_OWNER_ONLY = 0o600
_PRAGMAS = (
    "PRAGMA busy_timeout = 30000",  # ms
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what is acknowledged survives a power cut
)


class VaultDatabase:
    """Connections to one database. Safe to share between threads, not across a fork."""

    def __init__(self, place: str, *, create: bool = False) -> None:
        self.url = parse_place(place)
        if self._file is not None:
            _prepare_file(self._file, create=create)
        self._engine = sa.create_engine(self.url, pool_pre_ping=self._file is None)
        if self._file is not None:
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        # No hook tells a plugin that its archive stops; with the settings this one goes as well.
        weakref.finalize(self, self._engine.dispose)

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        return str(self._file or self.url.render_as_string(hide_password=True))

    @property
    def _file(self) -> Path | None:
        if self.url.get_backend_name() != "sqlite":
            return None
        return Path(str(self.url.database))

    @contextmanager
    def reading(self, *, at_one_time: bool = False) -> Iterator[Connection]:
        """A connection to read from. Raises `VaultError`.

        ``at_one_time``: whatever is read, is as it was when the first of it was read. On SQLite it
        is so in any case.
        """
        with self._failures(), self._engine.connect() as connection:
            if at_one_time and self._file is None:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, the only one of its kind; durable at the end. Raises `VaultError`."""
        with self._failures(), self._engine.connect() as bare:
            connection = bare.execution_options(**{_WRITING: True})
            with connection.begin():
                yield connection

    def lock(self, connection: Connection, *, shared: bool = False) -> sa.Row[Any] | None:
        """The row of the vault, held until the transaction ends; None where there is none.

        Those that share it only keep out who wants it alone.
        """
        return connection.execute(sa.select(VAULT).with_for_update(read=shared)).one_or_none()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            # Its text may hold what was to be written.
            cause = getattr(error, "orig", None) or error
            raise VaultError(
                f"the vault {self.name!r} failed: {type(cause).__name__}; nothing was committed"
            ) from None


def parse_place(place: str) -> URL:
    """The URL of a vault; a path is a file of SQLite. Raises `VaultError`."""
    try:
        url = make_url(place) if "://" in place else URL.create("sqlite", database=place)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise VaultError(
            # Not the place itself: a URL that cannot be taken apart may hold a password.
            f"the place of the vault cannot be used ({type(error).__name__}): give the path of a "
            f"file, or postgresql+psycopg://user@host/database"
        ) from None
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql") or not url.database or url.database == ":memory:":
        raise VaultError(
            f"{url.render_as_string()!r} is no place for a vault: give the path of a file, or "
            f"postgresql+psycopg://user@host/database"
        )
    return url


def _prepare_file(file: Path, *, create: bool) -> None:
    if not create:
        if not file.is_file():
            raise VaultError(
                f"there is no vault {str(file)!r}; `pacs anonymize vault create` makes one"
            )
        return
    try:
        make_folders(file.absolute().parent)
        # Before SQLite makes it: its journals take over who may read the file.
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))
    except FileExistsError:
        raise VaultError(f"{str(file)!r} is there already; a vault is never overwritten") from None
    except OSError as error:
        raise VaultError(f"{str(file)!r} cannot be made: {error.strerror}") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once, not in the middle of its transaction."""
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def discard_file(database: VaultDatabase) -> None:
    """Take away the file of a vault that could not be made whole."""
    database.close()
    if database.url.get_backend_name() == "sqlite":
        with suppress(OSError):
            Path(str(database.url.database)).unlink()
