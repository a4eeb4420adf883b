"""A session of PostgreSQL that is kept for the locks it holds, apart from those that work.

What a session locks in the server is free again the moment the server ends it: when its process is
gone, when it was silent for too long, when the server itself goes. So a lock held here says that
its holder lives, and no clock of any node is trusted with it.
"""

from __future__ import annotations

import selectors
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from pacs_framework.index.connecting import add_defaults
from pacs_framework.index.database import unavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

__all__ = ["ServerSession"]

_ANSWER = 10.0  # seconds for an answer that nobody else can hold up
_SETTINGS = {
    # Limits that an administrator set for queries are not meant for waiting.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    # The server notices a node that went without a word within half a minute,
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # also while it waits for a lock.
    "client_connection_check_interval": "10s",
}


class ServerSession:
    """One session, for one thread at a time. Raises `IndexUnavailable`; then it is over.

    ``settings`` of the server are for this session alone. Needs PostgreSQL 14 or newer.
    """

    def __init__(self, engine: Engine, settings: Mapping[str, str] | None = None) -> None:
        self._driver: Any = engine.dialect.loaded_dbapi
        self._failures: tuple[type[Exception], ...] = (self._driver.Error, OSError)
        arguments, options = engine.dialect.create_connect_args(engine.url)
        add_defaults(options)
        try:
            # Not from the pool: what guards the connections there asks this one.
            self._connection = self._driver.connect(*arguments, **options, autocommit=True)
        except self._failures as error:
            raise unavailable(error) from error
        self._server: Any = self._connection.pgconn
        for name, value in {**_SETTINGS, **(settings or {})}.items():
            self.ask("SELECT set_config($1, $2, false)", name, value)

    def ask(
        self, statement: str, *values: str, limit: float | None = _ANSWER, wake: int = -1
    ) -> str | None:
        """The first value of the first row as text; None for NULL, and where there is no row.

        Waits ``limit`` seconds, None: as long as it takes; no longer than until the descriptor
        ``wake`` can be read. What gives up ends the session.
        """
        try:
            self._server.send_query_params(statement.encode(), [v.encode() for v in values])
            self._server.flush()
            self._wait(limit, wake)
            return self._answer()
        except self._failures as error:
            self.close()
            raise unavailable(error) from error

    def close(self) -> None:
        """End the session, and what it may be waiting for in the server. Once is enough."""
        if not self._connection.closed and self._server.is_busy():
            self._server.get_cancel().cancel()
        self._connection.close()

    def _wait(self, limit: float | None, wake: int) -> None:
        """Until the answer is there. Raises OSError when it does not come."""
        deadline = None if limit is None else monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(self._server.socket, selectors.EVENT_READ)
            if wake >= 0:
                selector.register(wake, selectors.EVENT_READ)
            while self._server.is_busy():
                left = None if deadline is None else max(0.0, deadline - monotonic())
                ready = {key.fd for key, _ in selector.select(left)}
                if self._server.socket not in ready:
                    raise TimeoutError
                self._server.consume_input()

    def _answer(self) -> str | None:
        good = (self._driver.pq.ExecStatus.TUPLES_OK, self._driver.pq.ExecStatus.COMMAND_OK)
        result, value = self._server.get_result(), None
        while result is not None:
            if result.status not in good:
                raise self._driver.errors.error_from_result(result)
            if result.ntuples:
                value = result.get_value(0, 0)
            result = self._server.get_result()
        return None if value is None else value.decode()
