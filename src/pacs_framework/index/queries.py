"""Reading entities out of the index: bound conditions, an index that drives, and keyset pages.

A query names a level, conditions on columns, and the columns it wants. Conditions only *narrow*:
they may let too much through, never too little, and `pacs_framework.archive.query` decides each row
exactly. The most selective condition with an index becomes the *driver*: its column leads the order
of the result, so the database walks that index, page after page, whatever its statistics say. Each
page is a query of its own that begins after the last row of the page before: no cursor and no
transaction stays open while a peer reads slowly, and memory is bounded by the page.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, exists, select, tuple_
from sqlalchemy.exc import DBAPIError

from pacs_framework.dicom.attributes import Level
from pacs_framework.index.database import unavailable
from pacs_framework.index.schema import instance, patient, series, study

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, FromClause, Row, Table

    from pacs_framework.index.conditions import Condition
    from pacs_framework.index.database import Database

__all__ = ["LEVELS", "TABLES", "conditioned", "joined", "pages", "reading", "rows_below"]

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
    columns: Sequence[ColumnElement[Any]],
) -> Iterator[Sequence[Row[Any]]]:
    """Entities of ``level`` that pass every condition, page by page, in a stable order.

    A row has ``columns`` first. Conditions on tables below ``level`` hold when any row under the
    entity passes. Raises `IndexUnavailable`.
    """
    statement, order = _ordered(level, conditions, columns)
    size = _FIRST_PAGE
    after: tuple[Any, ...] | None = None
    while True:
        page = statement if after is None else statement.where(*_beyond(order, after))
        with reading(database) as connection:
            rows = connection.execute(page.limit(size)).fetchall()
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = tuple(rows[-1])[len(columns) :]
        size = min(size * 2, _LAST_PAGE)


def conditioned(
    level: Level, conditions: Sequence[Condition], columns: Sequence[ColumnElement[Any]]
) -> Select[Any]:
    """``columns`` of the entities of ``level`` that pass every condition, in no order."""
    entity = TABLES[level]
    own, below = _split(entity, conditions)
    statement = select(*columns).select_from(joined(_chain(entity, own, columns)))
    return statement.where(*(c.clause() for c in own), *(_any_below(entity, c) for c in below))


def _ordered(
    level: Level, conditions: Sequence[Condition], columns: Sequence[ColumnElement[Any]]
) -> tuple[Select[Any], tuple[Column[Any], ...]]:
    """The query without its paging, and the columns that order it, selected behind the others."""
    entity = TABLES[level]
    own, _ = _split(entity, conditions)
    order = _order(_chain(entity, own, columns), own)
    return conditioned(level, conditions, (*columns, *order)).order_by(*order), order


def _split(
    entity: Table, conditions: Sequence[Condition]
) -> tuple[list[Condition], list[Condition]]:
    """Conditions on the entity or above it, and those below it."""
    depth = _DEPTH[entity.name]
    own = [c for c in conditions if _DEPTH[c.table.name] <= depth]
    return own, [c for c in conditions if _DEPTH[c.table.name] > depth]


def _chain(
    entity: Table, conditions: Sequence[Condition], columns: Sequence[ColumnElement[Any]]
) -> list[Table]:
    """The tables from the topmost one that is needed down to the entity."""
    depths = [_DEPTH[c.table.name] for c in conditions]
    depths += [_DEPTH[t.name] for column in columns for t in _tables_of(column)]
    return list(TABLES.values())[min(depths, default=_DEPTH[entity.name]) : _DEPTH[entity.name] + 1]


def _tables_of(column: ColumnElement[Any]) -> list[Table]:
    return [c.table for c in column.base_columns if getattr(c, "table", None) is not None]


def _order(chain: Sequence[Table], conditions: Sequence[Condition]) -> tuple[Column[Any], ...]:
    """The driver's column, then the ids from the driver's table down to the entity.

    This is the order in which an index on the driver's column and the foreign keys below it hand
    out the rows, so no database has to sort.
    """
    driver = min(conditions, key=lambda c: c.rank, default=None)
    if driver is None or not driver.drives:
        return (chain[-1].c.id,)
    start = next(i for i, table in enumerate(chain) if table is driver.table)
    return (driver.column, *(table.c.id for table in chain[start:]))


def _beyond(order: tuple[Column[Any], ...], after: tuple[Any, ...]) -> list[ColumnElement[bool]]:
    """Rows after ``after``; the plain bound on the first column is what an index can start from."""
    if len(order) == 1:
        return [order[0] > after[0]]
    return [order[0] >= after[0], tuple_(*order) > after]


def _any_below(entity: Table, condition: Condition) -> ColumnElement[bool]:
    source, entity_id = rows_below(entity, condition.table)
    return exists(select(1).select_from(source).where(entity_id == entity.c.id, condition.clause()))
