"""Connections of the driver for statements that read, kept for the next one.

SQLAlchemy's pool takes some 15 µs to lend one and to take it back, more than SQLite needs for most
statements. A server's connections may break while nobody looks: its pool sees to that, and there
its price is small beside the way to the server.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import PoolProxiedConnection

__all__ = ["KeptReaders", "PooledReaders", "Readers"]

_MOST_KEPT = 16


class Readers(ABC):
    """Lends connections; from many threads."""

    @abstractmethod
    def take(self) -> PoolProxiedConnection:
        """One that nobody else has. Raises what the driver or SQLAlchemy raises."""

    @abstractmethod
    def give(self, connection: PoolProxiedConnection) -> None:
        """It is good, and no statement of it is under way."""

    @abstractmethod
    def drop(self, connection: PoolProxiedConnection) -> None:
        """It may be broken."""

    @abstractmethod
    def close(self) -> None:
        """Close those that are kept; what is given back from now on is closed, too."""


class KeptReaders(Readers):
    """Those of SQLite, where every statement is a transaction of its own.

    open_one
        Opens a connection that is nobody else's, and closed for good when it is closed.
    """

    def __init__(self, open_one: Callable[[], PoolProxiedConnection]) -> None:
        self._open = open_one
        self._idle: deque[PoolProxiedConnection] = deque()
        self._closed = False

    def take(self) -> PoolProxiedConnection:
        """The one that was given back last, whose cache is warm."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def give(self, connection: PoolProxiedConnection) -> None:
        """Keep it, unless there are enough."""
        if len(self._idle) >= _MOST_KEPT:
            connection.close()
            return
        self._idle.append(connection)
        if self._closed:
            self.close()

    def drop(self, connection: PoolProxiedConnection) -> None:
        """Close it."""
        connection.close()

    def close(self) -> None:
        """Close those that are idle."""
        self._closed = True
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            connection.close()


class PooledReaders(Readers):
    """Those of a server, from the pool of its engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self) -> PoolProxiedConnection:
        """One that has answered just now."""
        return self._engine.raw_connection()

    def give(self, connection: PoolProxiedConnection) -> None:
        """Back to the pool."""
        connection.close()

    def drop(self, connection: PoolProxiedConnection) -> None:
        """The pool is told that it is of no use."""
        connection.invalidate()
        connection.close()

    def close(self) -> None:
        """The engine closes its pool."""
