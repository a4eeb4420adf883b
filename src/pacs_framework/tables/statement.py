"""Statements that run with every request, compiled once for each engine.

SQLAlchemy takes some 40 µs to look up, bind and wrap a statement that it has compiled before, and
as long again to put one together: more than SQLite needs to carry it out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
        """Execute with ``values`` by name; the rows, none where it returns none.

        Raises what SQLAlchemy raises.
        """
        prepared = self._for(connection.dialect)
        result = connection.exec_driver_sql(prepared.sql, prepared.bind(values))
        return result.all() if result.returns_rows else ()

    def fetch(self, cursor: Cursor, dialect: Dialect, values: Mapping[str, Any]) -> Sequence[Any]:
        """The same on a cursor of the driver; for one that reads. Raises what the driver raises."""
        self._for(dialect).run(cursor, values)
        return cursor.fetchall()

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once for each of ``rows``; not at all without any."""
        if rows:
            prepared = self._for(connection.dialect)
            connection.exec_driver_sql(prepared.sql, [prepared.bind(row) for row in rows])

    def _for(self, dialect: Dialect) -> Prepared:
        # Two threads at once may both compile it, to the same end.
        prepared = self._prepared.get(dialect.name)
        if prepared is None:
            prepared = Prepared(self._statement, dialect, column_keys=self._columns)
            self._prepared[dialect.name] = prepared
        return prepared
