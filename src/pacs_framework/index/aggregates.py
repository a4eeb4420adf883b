"""What the index knows of many entities at once: counts, distinct values, a first instance each.

Every function takes the ids of one page and asks once, so answering a page costs a handful of
queries whatever its size. ``within`` is a reach beyond which nothing is counted or told; the
entities themselves are in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, Select, bindparam, func, select

from pacs_framework.index.conditions import MOST_VALUES, padded
from pacs_framework.index.queries import rows_below
from pacs_framework.index.reaching import instance_in_reach, series_in_reach, study_in_reach
from pacs_framework.index.schema import instance, series, study

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Column, ColumnElement, Table

    from pacs_framework.archive.reach import Reach
    from pacs_framework.index.prepared import Cursor, Shapes

__all__ = ["FirstInstance", "count_below", "first_instances", "values_below"]


@dataclass(frozen=True, slots=True)
class FirstInstance:
    """The instance whose header speaks for an entity."""

    sop_instance_uid: str
    transfer_syntax_uid: str
    storage_key: str
    dataset_offset: int


_FIRST_COLUMNS = (
    instance.c.sop_instance_uid,
    instance.c.transfer_syntax_uid,
    instance.c.storage_key,
    instance.c.dataset_offset,
)


def count_below(
    shapes: Shapes,
    cursor: Cursor,
    entity: Table,
    lower: Table,
    ids: Collection[int],
    *,
    within: Reach | None = None,
) -> dict[int, int]:
    """Entity id → number of rows of ``lower`` under it; entities without any are missing."""
    wanted = padded(list(ids))
    make = partial(_counts, entity, lower, len(wanted), within)
    return dict(_rows(shapes, cursor, ("counts", entity, lower, within), make, {"id": wanted}))


def values_below(
    shapes: Shapes,
    cursor: Cursor,
    entity: Table,
    column: Column[Any],
    ids: Collection[int],
    *,
    among: Collection[str] | None = None,
    within: Reach | None = None,
) -> dict[int, list[str]]:
    """Entity id → the different non-empty values of ``column`` under it, sorted; only those in
    ``among`` unless that is None.
    """
    if among is not None and not among:
        return {}
    wanted, listed = padded(list(ids)), sorted(set(among or ()))
    found: dict[int, list[str]] = {}
    for start in range(0, max(1, len(listed)), MOST_VALUES):
        only = padded(listed[start : start + MOST_VALUES])
        make = partial(_values, entity, column, len(wanted), len(only), within)
        values = {"id": wanted, "among": only}
        for key, value in _rows(shapes, cursor, ("values", entity, column, within), make, values):
            found.setdefault(key, []).append(value)
    return found


def first_instances(
    shapes: Shapes,
    cursor: Cursor,
    entity: Table,
    ids: Collection[int],
    *,
    within: Reach | None = None,
) -> dict[int, FirstInstance]:
    """Entity id → the instance that was indexed first under it.

    Of a series with several senders it is the first of the sender whose AE title sorts first: an
    index hands that one out without a look at all the others.
    """
    wanted = padded(list(ids))
    make = partial(_firsts, entity, len(wanted), within)
    rows = _rows(shapes, cursor, ("firsts", entity, within), make, {"id": wanted})
    return {row[0]: FirstInstance(*row[1:]) for row in rows}


def _rows(
    shapes: Shapes,
    cursor: Cursor,
    shape: Hashable,
    make: Callable[[], Select[Any]],
    lists: Mapping[str, Sequence[Any]],
) -> Sequence[tuple[Any, ...]]:
    """Run a statement whose parameters are lists, each called after its place: ``id_0``."""
    sizes = tuple(map(len, lists.values()))
    prepared = shapes.prepared((shape, sizes), make)
    named = ((f"{name}_{n}", v) for name, values in lists.items() for n, v in enumerate(values))
    prepared.run(cursor, dict(named))
    return cursor.fetchall()


def _counts(entity: Table, lower: Table, number: int, within: Reach | None) -> Select[Any]:
    source, entity_id = rows_below(entity, lower)
    return (
        select(entity_id, func.count())
        .select_from(source)
        .where(entity_id.in_(_ids(number)), *_kept(entity, lower, within))
        .group_by(entity_id)
    )


def _values(
    entity: Table, column: Column[Any], number: int, among: int, within: Reach | None
) -> Select[Any]:
    source, entity_id = rows_below(entity, column.table)
    statement = (
        select(entity_id, column)
        .select_from(source)
        .where(entity_id.in_(_ids(number)), column != "", *_kept(entity, column.table, within))
        .distinct()
        .order_by(entity_id, column)
    )
    if not among:
        return statement
    return statement.where(
        column.in_([bindparam(f"among_{n}", type_=column.type) for n in range(among)])
    )


def _firsts(entity: Table, number: int, within: Reach | None) -> Select[Any]:
    if entity is instance:
        return select(instance.c.id, *_FIRST_COLUMNS).where(instance.c.id.in_(_ids(number)))
    if entity is series:
        return _firsts_of_series(number, within)
    source, entity_id = rows_below(entity, instance)
    first = (
        select(entity_id.label("entity"), func.min(instance.c.id).label("first"))
        .select_from(source)
        .where(entity_id.in_(_ids(number)), *_kept(entity, instance, within))
        .group_by(entity_id)
        .subquery()
    )
    statement = select(first.c.entity, *_FIRST_COLUMNS)
    return statement.join(instance, instance.c.id == first.c.first)


def _firsts_of_series(number: int, within: Reach | None) -> Select[Any]:
    first = (
        select(instance.c.id)
        .where(instance.c.series_fk == series.c.id, *_kept(series, instance, within))
        .order_by(instance.c.source_aet, instance.c.id)
        .limit(1)
        .correlate(series)
        .scalar_subquery()
    )
    speaker = instance.alias("speaker")
    return (
        select(series.c.id, *(speaker.c[column.name] for column in _FIRST_COLUMNS))
        .join_from(series, speaker, speaker.c.id == first)
        .where(series.c.id.in_(_ids(number)))
    )


def _ids(number: int) -> list[BindParameter[int]]:
    return [bindparam(f"id_{n}", type_=Integer()) for n in range(number)]


def _kept(entity: Table, lower: Table, within: Reach | None) -> list[ColumnElement[bool]]:
    """What keeps the rows of ``lower`` under an entity within a reach."""
    if within is None or entity is instance:
        return []
    if lower is study:
        return [study_in_reach(within)]
    if within.divides_series and lower is instance:
        return [instance_in_reach(within)]
    return [] if entity is series else [series_in_reach(within)]
