"""Kinds of which no job is begun for now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.jobs import Pause
from pacs_framework.tables import insert, now
from pacs_jobs.tables import job_kind

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

__all__ = ["end_pause", "lock_kinds", "make_rows", "pause_kind", "paused"]

_k = job_kind.c


def pause_kind(
    connection: Connection, kind: str, *, until: dt.datetime | None, reason: str
) -> None:
    """Begin no job of a kind until then, None for until `end_pause`."""
    values = {"waits": True, "until": until, "reason": reason}
    row = insert(job_kind, connection).values(kind=kind, **values)
    connection.execute(row.on_conflict_do_update(index_elements=[_k.kind], set_=values))


def end_pause(connection: Connection, kind: str) -> bool:
    """End a pause; False where there was none."""
    ended = sa.update(job_kind).where(_k.kind == kind, *_lasting())
    return bool(connection.execute(ended.values(waits=False, until=None, reason="")).rowcount)


def paused(connection: Connection) -> list[Pause]:
    """The kinds that are paused now, by name."""
    asked = sa.select(job_kind).where(*_lasting()).order_by(_k.kind)
    rows = connection.execute(asked)
    return [Pause(kind=row.kind, until=row.until, reason=row.reason) for row in rows]


def make_rows(connection: Connection, kinds: Collection[str]) -> None:
    """Have a row for each kind, which `lock_kinds` holds."""
    if kinds:
        rows = [{"kind": each, "waits": False, "reason": ""} for each in sorted(kinds)]
        connection.execute(insert(job_kind, connection).on_conflict_do_nothing(), rows)


def lock_kinds(connection: Connection, kinds: Collection[str]) -> dict[str, Pause]:
    """Hold the rows of ``kinds`` until the transaction ends; those that are paused now.

    Whoever claims jobs of a kind does so alone, so limits over all nodes are counted by one. They
    are held in the order of their names, so that nobody waits for somebody who waits for him.
    """
    if not kinds:
        return {}
    wanted = sa.select(job_kind).where(_k.kind.in_(sorted(kinds)))
    rows = connection.execute(wanted.order_by(_k.kind).with_for_update()).all()
    moment = now()
    return {
        row.kind: Pause(kind=row.kind, until=row.until, reason=row.reason)
        for row in rows
        if row.waits and (row.until is None or row.until > moment)
    }


def _lasting() -> list[ColumnElement[bool]]:
    return [_k.waits.is_(True), sa.or_(_k.until.is_(None), _k.until > now())]
