"""Which processes work on a database: a shared lock of each, held as long as it lives.

PostgreSQL only. Who changes the tables under everybody's feet, a migration or ``pacs reindex``,
takes the lock for itself, and is refused with the names of those that live. A process that lost
its session, and with it the lock, looks at the tables again before it opens any other connection:
they may have been migrated while nobody knew of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from pacs_framework.errors import ConfigurationError, IndexUnavailable
from pacs_framework.index.database import Database
from pacs_framework.index.migrate import NEWEST, PRESENCE_LOCK, others_present
from pacs_framework.index.server_session import ServerSession

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

__all__ = ["Presence", "alone"]

_REVISIONS = "SELECT string_agg(version_num, ' ' ORDER BY version_num) FROM alembic_version"
_OURS = " ".join(sorted(NEWEST))


class Presence:
    """Says that this process works on ``database``, until `close`. From any thread.

    Raises `IndexUnavailable` where the tables are not those of this version, or are being made
    anew; so does, from then on, every new connection of ``database``.
    """

    def __init__(self, database: Database) -> None:
        self._engine: Engine = database.engine
        self._mutex = threading.Lock()
        self._session: ServerSession | None = None
        self.confirm()
        event.listen(self._engine, "connect", self._on_connect)

    def confirm(self) -> None:
        """See to it that the lock is held, and that the tables are those of this version."""
        with self._mutex:
            try:
                revisions = self._look()
            except IndexUnavailable:  # the session went; whether the server did, a new one tells
                revisions = self._look()
        if revisions != _OURS:
            raise IndexUnavailable(
                f"the index was migrated to {revisions!r} meanwhile, and this version of "
                f"pacs-framework knows {_OURS!r}; stop this process and start the newer version"
            )

    def close(self) -> None:
        """Gone from here."""
        event.remove(self._engine, "connect", self._on_connect)
        with self._mutex:
            if self._session is not None:
                self._session.close()
            self._session = None

    def _on_connect(self, _connection: Any, _record: Any) -> None:
        self.confirm()

    def _look(self) -> str | None:
        """The revisions of the tables, read while the lock is held."""
        if self._session is None:
            self._session = self._enter()
        try:
            return self._session.ask(_REVISIONS)
        except IndexUnavailable:
            self._session = None
            raise

    def _enter(self) -> ServerSession:
        session = ServerSession(self._engine)
        if session.ask(f"SELECT pg_try_advisory_lock_shared({PRESENCE_LOCK})") == "t":
            return session
        session.close()
        raise IndexUnavailable(
            "the index is being made anew or migrated by another process; try again when that is "
            "done"
        )


@contextmanager
def alone(database: Database, what: str) -> Iterator[None]:
    """Keep every process out while the block runs, on ``database``, to do ``what``.

    Raises `ConfigurationError` that names the processes that work on it.
    """
    session = ServerSession(database.engine)
    try:
        if session.ask(f"SELECT pg_try_advisory_lock({PRESENCE_LOCK})") != "t":
            with database.reading() as connection:
                raise ConfigurationError(f"{others_present(connection)}; stop them before {what}")
        yield
    finally:
        session.close()
