"""What the index knows of many entities at once: counts, distinct values, a first instance each.

Every function takes the ids of one page and asks once, so answering a page costs a handful of
queries whatever its size.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from pacs_framework.index.queries import rows_below
from pacs_framework.index.schema import instance

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Row, Table

__all__ = ["count_below", "first_instances", "values_below"]


def count_below(
    connection: Connection, entity: Table, lower: Table, ids: Collection[int]
) -> dict[int, int]:
    """Entity id → number of rows of ``lower`` under it; entities without any are missing."""
    source, entity_id = rows_below(entity, lower)
    statement = (
        select(entity_id, func.count())
        .select_from(source)
        .where(entity_id.in_(ids))
        .group_by(entity_id)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def values_below(
    connection: Connection,
    entity: Table,
    column: Column[Any],
    ids: Collection[int],
    *,
    among: Collection[str] | None = None,
) -> dict[int, list[str]]:
    """Entity id → the different non-empty values of ``column`` under it, sorted; only those in
    ``among`` unless that is None.
    """
    source, entity_id = rows_below(entity, column.table)
    statement = (
        select(entity_id, column)
        .select_from(source)
        .where(entity_id.in_(ids), column != "")
        .distinct()
        .order_by(entity_id, column)
    )
    if among is not None:
        statement = statement.where(column.in_(among))
    found: dict[int, list[str]] = {}
    for key, value in connection.execute(statement):
        found.setdefault(key, []).append(value)
    return found


def first_instances(
    connection: Connection, entity: Table, ids: Collection[int]
) -> dict[int, Row[Any]]:
    """Entity id → the instance that was indexed first under it, with all its columns."""
    if entity is instance:
        rows = connection.execute(select(instance).where(instance.c.id.in_(ids)))
        return {row.id: row for row in rows}
    source, entity_id = rows_below(entity, instance)
    first = (
        select(entity_id.label("entity"), func.min(instance.c.id).label("first"))
        .select_from(source)
        .where(entity_id.in_(ids))
        .group_by(entity_id)
        .subquery()
    )
    statement = select(first.c.entity, instance).join(instance, instance.c.id == first.c.first)
    return {row.entity: row for row in connection.execute(statement)}
