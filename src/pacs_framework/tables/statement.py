"""Statements that run with every request, compiled once for each engine.

SQLAlchemy takes some 40 µs to look up, bind and wrap a statement that it has compiled before, and
as long again to put one together: more than SQLite needs to carry it out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from pacs_framework.index.prepared import Prepared

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Dialect
    from sqlalchemy.sql.expression import ClauseElement

    from pacs_framework.index.prepared import Cursor

__all__ = ["Statement"]


class Statement:
    """``statement``, whose parameters are `sqlalchemy.bindparam` with a name of their own.

    ``columns`` are those of an INSERT or UPDATE that take a parameter of their name. What it
    selects comes as the driver gives it: on SQLite a moment is text, and a truth a number.
    """

    def __init__(self, statement: ClauseElement, *, columns: Collection[str] | None = None) -> None:
        self._statement = statement
        self._columns = columns
        self._prepared: dict[str, Prepared] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Execute with ``values`` by name in a transaction; the rows, none where it returns none.

        Raises what SQLAlchemy raises.
        """
        prepared = self._for(connection.dialect)
        with _cursor(connection, prepared) as cursor:
            prepared.run(cursor, values)
            return cursor.fetchall() if cursor.description else ()

    def fetch(self, cursor: Cursor, dialect: Dialect, values: Mapping[str, Any]) -> Sequence[Any]:
        """The same on a cursor of the driver; for one that reads. Raises what the driver raises."""
        self._for(dialect).run(cursor, values)
        return cursor.fetchall()

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once for each of ``rows`` in a transaction; not at all without any."""
        if rows:
            prepared = self._for(connection.dialect)
            with _cursor(connection, prepared) as cursor:
                prepared.run_many(cursor, rows)

    def _for(self, dialect: Dialect) -> Prepared:
        # Two threads at once may both compile it, to the same end.
        prepared = self._prepared.get(dialect.name)
        if prepared is None:
            prepared = Prepared(self._statement, dialect, column_keys=self._columns)
            self._prepared[dialect.name] = prepared
        return prepared


@contextmanager
def _cursor(connection: Connection, prepared: Prepared) -> Iterator[Cursor]:
    """A cursor of the driver in the transaction of ``connection``.

    SQLAlchemy's own execution takes three times as long as most of these statements.
    """
    assert connection.in_transaction(), "outside of it, nobody would commit"
    cursor = connection.connection.cursor()
    failure = connection.dialect.loaded_dbapi.Error
    try:
        yield cursor
    except failure as error:
        raise DBAPIError.instance(
            prepared.sql, None, error, failure, hide_parameters=True
        ) from error
    finally:
        cursor.close()
