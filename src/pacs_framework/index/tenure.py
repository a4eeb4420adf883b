"""Which process serves a consumer of the change feed: one of all that are there, at any time.

On SQLite the archive is one machine's, and the process that runs the feed of the data folder serves
all consumers. On PostgreSQL every node wants to, and for each consumer the server picks one: who
holds its advisory lock. The others wait in the server, which wakes the next one when the holder

* lets go, or ends, or is killed: at once, with its session;
* stopped without ending, or cannot be reached: when the server has not heard of it for the lease.

The cursor is moved in the session that holds the lock. A process that was away and comes back finds
its session gone, so it cannot move a cursor that another one serves by then.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.server_session import ServerSession

if TYPE_CHECKING:
    from pacs_framework.index.changes import ChangeReader
    from pacs_framework.index.database import Database

__all__ = ["LEASE", "OnlyTenure", "ServerTenure", "Tenure"]

LEASE = 30.0
"""Seconds of silence after which the server gives a consumer to the next process."""

# The table is `pacs_framework.index.schema.cursor`.
_READ = "SELECT sequence FROM cursor WHERE consumer = $1"
_ADVANCE = """
    UPDATE cursor SET sequence = $2::bigint WHERE consumer = $1 AND sequence < $2::bigint
"""


class Tenure(ABC):
    """One consumer, in the hands of this process or not. Methods raise `IndexUnavailable`."""

    @abstractmethod
    def take(self) -> int | None:
        """Wait until the consumer is ours; its cursor, None after `withdraw`."""

    @property
    @abstractmethod
    def held(self) -> bool:
        """Whether it is ours for certain."""

    @abstractmethod
    def advance(self, sequence: int) -> None:
        """Move the cursor, if it is ours."""

    def confirm(self) -> None:
        """A sign of life, to be given three times a lease. Nothing where silence ends no tenure."""

    @abstractmethod
    def withdraw(self) -> None:
        """End a `take` in another thread, and every later one."""

    def close(self) -> None:
        """Let go, for the next one to take it."""
        self.withdraw()


class OnlyTenure(Tenure):
    """Where one process alone serves ``consumer``: it is ours from the first `take` on."""

    def __init__(self, reader: ChangeReader, consumer: str) -> None:
        self._reader = reader
        self._consumer = consumer
        self._held = False

    def take(self) -> int | None:
        """Without waiting for anybody."""
        cursor = self._reader.register(self._consumer)
        self._held = True
        return cursor

    @property
    def held(self) -> bool:
        """From the first `take` on."""
        return self._held

    def advance(self, sequence: int) -> None:
        """Move the cursor."""
        self._reader.advance(self._consumer, sequence)

    def withdraw(self) -> None:
        """Nobody waits here."""


class ServerTenure(Tenure):
    """``consumer`` on PostgreSQL, shared with other nodes. ``lease`` is in seconds.

    One thread takes and advances; another one may confirm, any may withdraw and close.
    """

    def __init__(
        self, database: Database, reader: ChangeReader, consumer: str, lease: float
    ) -> None:
        self._engine = database.engine
        self._reader = reader
        self._consumer = consumer
        self._lease = lease
        self._mutex = threading.Lock()  # around the session, once it is ours
        self._session: ServerSession | None = None
        self._until = 0.0
        self._withdrawn = threading.Event()
        self._wake_read, self._wake_write = os.pipe()

    def take(self) -> int | None:
        """Wait in the server, behind those who came before."""
        self._drop()
        if self._withdrawn.is_set():
            return None
        self._reader.register(self._consumer)
        session = ServerSession(
            self._engine, {"idle_session_timeout": f"{int(self._lease * 1000)}ms"}
        )
        lock = f"SELECT pg_advisory_lock({_key(self._consumer)})"
        try:
            session.ask(lock, limit=None, wake=self._wake_read)
            asked = _now()
            cursor = session.ask(_READ, self._consumer)
        except IndexUnavailable:
            if self._withdrawn.is_set():
                return None
            raise
        with self._mutex:
            self._session, self._until = session, asked + self._lease
        return int(cursor or 0)

    @property
    def held(self) -> bool:
        """Whether the server heard of us within the lease, so that nobody else can have it."""
        return self._session is not None and _now() < self._until

    def advance(self, sequence: int) -> None:
        """Move the cursor. Raises `IndexUnavailable` when the consumer is another's by now."""
        self._ask(_ADVANCE, self._consumer, str(sequence))

    def confirm(self) -> None:
        """Tell the server that we live."""
        if self._session is not None:
            self._ask("SELECT 1")

    def withdraw(self) -> None:
        """End a `take` in another thread, and every later one."""
        self._withdrawn.set()
        os.write(self._wake_write, b"\1")

    def close(self) -> None:
        """Let go. Nobody may be in `take`."""
        self._withdrawn.set()
        self._drop()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _ask(self, statement: str, *values: str) -> None:
        with self._mutex:
            if self._session is None:
                raise IndexUnavailable(f"consumer {self._consumer!r} is not served by this process")
            asked = _now()
            try:
                self._session.ask(statement, *values)
            except IndexUnavailable:
                self._session = None
                raise
            self._until = asked + self._lease

    def _drop(self) -> None:
        with self._mutex:
            session, self._session = self._session, None
            if session is not None:
                session.close()


def _now() -> float:
    """Seconds; goes on while the machine sleeps, as the server's clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _key(consumer: str) -> int:
    """The key of a consumer's advisory lock: a signed number of 64 bits."""
    digest = hashlib.sha256(f"pacs-framework consumer {consumer}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
