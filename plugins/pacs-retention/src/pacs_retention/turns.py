"""Whose turn it is: of several nodes, one does a cycle."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.tables import insert
from pacs_retention.tables import cycle

if TYPE_CHECKING:
    from pacs_framework.tables import TableStore

__all__ = ["claim_turn"]

_CYCLE = "cycle"


def claim_turn(store: TableStore, pause: float) -> float:
    """0 where the next cycle is ours, and nobody else's for ``pause`` seconds; else how long to
    wait. Raises `IndexUnavailable`.
    """
    now = dt.datetime.now(dt.UTC)
    with store.begin() as connection:
        connection.execute(
            insert(cycle, connection).values(name=_CYCLE, due=now).on_conflict_do_nothing()
        )
        ours = connection.execute(
            sa.update(cycle)
            .where(cycle.c.name == _CYCLE, cycle.c.due <= now)
            .values(due=now + dt.timedelta(seconds=pause))
        ).rowcount
        due: dt.datetime | None = connection.scalar(sa.select(cycle.c.due))
    if ours or due is None:
        return 0.0
    # A pause that was made shorter in the configuration counts from now.
    return min(pause, (due - now).total_seconds())
