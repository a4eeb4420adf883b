"""Reading entities out of the index: bound conditions, an index that drives, and keyset pages.

A query names a level, conditions on columns, and the columns it wants. Conditions only *narrow*:
they may let too much through, never too little, and `pacs_framework.archive.query` decides each row
exactly. The most selective condition with an index becomes the *driver*: its column leads the order
of the result, so the database walks that index, page after page, whatever its statistics say. Each
page is a query of its own that begins after the last row of the page before: no cursor and no
transaction stays open while a peer reads slowly, and memory is bounded by the page.

A statement is put together for its shape alone, values apart, and kept (`Database.shapes`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, Select, bindparam, exists, func, select, tuple_
from sqlalchemy.exc import DBAPIError

from pacs_framework.dicom.attributes import Level
from pacs_framework.index.database import unavailable
from pacs_framework.index.schema import instance, patient, series, study

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Column, ColumnElement, Connection, FromClause, Table

    from pacs_framework.index.conditions import Condition
    from pacs_framework.index.database import Database

__all__ = ["LEVELS", "TABLES", "counted", "joined", "pages", "reading", "rows_below"]

LEVELS = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE)
"""From the top of the hierarchy to its bottom."""

TABLES: dict[Level, Table] = {
    Level.PATIENT: patient,
    Level.STUDY: study,
    Level.SERIES: series,
    Level.IMAGE: instance,
}
"""The table that holds the entities of a level."""

_PARENT_KEY = {study.name: "patient_fk", series.name: "study_fk", instance.name: "series_fk"}
_DEPTH = {table.name: depth for depth, table in enumerate(TABLES.values())}
_FIRST_PAGE = 100
_LAST_PAGE = 800
_EXPECTED_PAGE = 2000  # at most, of rows that are known to come

_Row = tuple[Any, ...]


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """A connection for a few statements. A database that fails raises `IndexUnavailable`."""
    try:
        with database.reading() as connection:
            yield connection
    except DBAPIError as error:
        raise unavailable(error.orig) from error


def joined(tables: Sequence[Table]) -> FromClause:
    """Neighbouring tables, top first, each joined to its parent."""
    source: FromClause = tables[0]
    for parent, child in itertools.pairwise(tables):
        source = source.join(child, child.c[_PARENT_KEY[child.name]] == parent.c.id)
    return source


def rows_below(entity: Table, lower: Table) -> tuple[FromClause, Column[Any]]:
    """The rows of ``lower`` under an entity, and the column that holds the entity's id.

    The entity's own table is not part of the join: the first table below already has its id.
    """
    chain = list(TABLES.values())[_DEPTH[entity.name] + 1 : _DEPTH[lower.name] + 1]
    return joined(chain), chain[0].c[_PARENT_KEY[chain[0].name]]


def pages(
    database: Database,
    level: Level,
    conditions: Sequence[Condition],
    columns: Sequence[Column[Any]],
    *,
    expected: int = _FIRST_PAGE,
) -> Iterator[Sequence[_Row]]:
    """Entities of ``level`` that pass every condition, page by page, in a stable order.

    A row begins with ``columns``, which hold text or whole numbers. Conditions on tables below
    ``level`` hold when any row under the entity passes. Who knows that about ``expected`` rows will
    come gets them in fewer pages. Raises `IndexUnavailable`.
    """
    query = _Query(level, conditions, columns)
    size = max(_FIRST_PAGE, min(expected + 1, _EXPECTED_PAGE))
    after: _Row = ()
    while True:
        prepared = database.shapes.prepared(*query.page(is_first=not after))
        with database.cursor() as cursor:
            prepared.run(cursor, query.values(after=after, limit=size))
            rows = cursor.fetchall()
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = rows[-1][len(columns) :]
        size = min(size * 2, _LAST_PAGE)


def counted(
    database: Database,
    level: Level,
    conditions: Sequence[Condition],
    columns: Sequence[Column[Any]],
) -> Sequence[_Row]:
    """The different ``columns`` of the entities that pass, and behind them how many have these.

    Raises `IndexUnavailable`.
    """
    query = _Query(level, conditions, columns)
    prepared = database.shapes.prepared(*query.count())
    with database.cursor() as cursor:
        prepared.run(cursor, query.values())
        return cursor.fetchall()


_Made = tuple[Hashable, Callable[[], Select[Any]]]


class _Query:
    """One query: its statements with named parameters, by their shapes, and the values."""

    def __init__(
        self, level: Level, conditions: Sequence[Condition], columns: Sequence[Column[Any]]
    ) -> None:
        self._entity = TABLES[level]
        self._conditions = conditions
        self._columns = tuple(columns)
        self._order = _order(self._entity, conditions)
        self._shape = (level, self._columns, tuple([each.shape for each in conditions]))

    def page(self, *, is_first: bool) -> _Made:
        """One page, from the start or after another, and its shape."""
        # The rank of a condition depends on its value, and the order on the ranks.
        shape = ("page", is_first, self._order, *self._shape)
        return shape, partial(self._page, is_first=is_first)

    def count(self) -> _Made:
        """How many there are of each, and its shape."""
        return ("count", *self._shape), self._count

    def values(self, *, after: _Row = (), limit: int = 0) -> dict[str, Any]:
        """All parameters by name."""
        values: dict[str, Any] = {"limit": limit}
        for number, condition in enumerate(self._conditions):
            for place, value in enumerate(condition.values):
                values[f"c{number}_{place}"] = value
        for place, value in enumerate(after):
            values[f"after_{place}"] = value
        return values

    def _page(self, *, is_first: bool) -> Select[Any]:
        statement = self._conditioned((*self._columns, *self._order)).order_by(*self._order)
        if not is_first:
            statement = statement.where(*_beyond(self._order))
        return statement.limit(bindparam("limit", type_=Integer()))

    def _count(self) -> Select[Any]:
        return self._conditioned((*self._columns, func.count())).group_by(*self._columns)

    def _conditioned(self, selected: Sequence[ColumnElement[Any]]) -> Select[Any]:
        """``selected`` of the entities that pass every condition, in no order."""
        entity = self._entity
        depth = _DEPTH[entity.name]
        clauses, needed = [], [*self._columns, *(self._order)]
        for number, condition in enumerate(self._conditions):
            column = condition.column
            bound = [_bound(f"c{number}_{n}", column) for n in range(len(condition.values))]
            clause = condition.clause(bound)
            if _DEPTH[condition.table.name] <= depth:
                needed.append(column)
            else:
                clause = _any_below(entity, condition.table, clause)
            clauses.append(clause)
        chain = list(TABLES.values())[min(_DEPTH[c.table.name] for c in needed) : depth + 1]
        return select(*selected).select_from(joined(chain)).where(*clauses)


def _order(entity: Table, conditions: Sequence[Condition]) -> tuple[Column[Any], ...]:
    """The driver's column, then the ids from the driver's table down to the entity.

    This is the order in which an index on the driver's column and the foreign keys below it hand
    out the rows, so no database has to sort.
    """
    depth = _DEPTH[entity.name]
    own = (c for c in conditions if c.drives and _DEPTH[c.table.name] <= depth)
    driver = min(own, key=lambda c: c.rank, default=None)
    if driver is None:
        return (entity.c.id,)
    chain = list(TABLES.values())[_DEPTH[driver.table.name] : depth + 1]
    return (driver.column, *(table.c.id for table in chain))


def _beyond(order: Sequence[Column[Any]]) -> list[ColumnElement[bool]]:
    """Rows after another; the plain bound on the first column is what an index can start from."""
    after = [_bound(f"after_{place}", column) for place, column in enumerate(order)]
    if len(order) == 1:
        return [order[0] > after[0]]
    return [order[0] >= after[0], tuple_(*order) > tuple_(*after)]


def _bound(name: str, column: Column[Any]) -> BindParameter[Any]:
    return bindparam(name, type_=column.type)


def _any_below(entity: Table, lower: Table, clause: ColumnElement[bool]) -> ColumnElement[bool]:
    source, entity_id = rows_below(entity, lower)
    return exists(select(1).select_from(source).where(entity_id == entity.c.id, clause))
