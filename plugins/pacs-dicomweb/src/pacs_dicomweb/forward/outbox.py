"""Which instances are to go to which server: rows that go when the server has them.

A row is written by the consumer of the change feed before its cursor moves on, so nothing is lost
by a crash; an instance that is sent twice is one that the server has already.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_dicomweb.tables import forward
from pacs_framework.tables import Leases, now

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from pacs_framework.tables import TableStore

__all__ = ["Due", "ForwardOutbox"]

_f = forward.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One instance for one server; ``due`` None: given up."""

    id: int
    target: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    created: dt.datetime
    attempts: int
    error: str
    due: dt.datetime | None


class ForwardOutbox:
    """The rows in ``store``; safe to use from many threads. Raises `IndexUnavailable`."""

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._leases = Leases(store, forward, _f.id)

    def add(self, targets: Iterable[str], study: str, series: str, instance: str) -> None:
        """An instance for each of ``targets``, due at once."""
        moment = now()
        rows = [
            {
                "target": target,
                "study_instance_uid": study,
                "series_instance_uid": series,
                "sop_instance_uid": instance,
                "created": moment,
                "attempts": 0,
                "error": "",
                "due": moment,
                "owner": "",
            }
            for target in targets
        ]
        with self._store.begin() as connection:
            connection.execute(sa.insert(forward), rows)

    def claim(self, target: str, owner: str, until: dt.datetime, most: int) -> list[Due]:
        """What is due for a server, now ours."""
        rows = self._leases.claim(owner, until, _f.target == target, most=most)
        return [_due(row) for row in rows]

    def pause(self, target: str, lease: float) -> float | None:
        """Seconds until somebody has to look again, None for not before there is news."""
        return self._leases.pause(lease, _f.target == target)

    def done(self, numbers: Collection[int], owner: str) -> None:
        """The server has them."""
        self._leases.done(numbers, owner)

    def put_off(self, number: int, owner: str, error: str, until: dt.datetime | None) -> None:
        """An attempt failed; the next one is due then, None for no next one."""
        self._leases.put_off(number, owner, error, until)

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        self._leases.release(owner)

    def retry(self, targets: Collection[str] = ()) -> int:
        """Have all for these servers, or for any, tried again at once; how many rows."""
        only = [_f.target.in_(targets)] if targets else [sa.true()]
        return self._leases.hurry(*only, created=now(), attempts=0)

    def waiting(self, targets: Collection[str] = (), *, limit: int = 0) -> list[Due]:
        """What is not forwarded yet, oldest first; ``limit`` 0 for all."""
        asked = sa.select(forward).order_by(_f.id)
        if targets:
            asked = asked.where(_f.target.in_(targets))
        if limit:
            asked = asked.limit(limit)
        with self._store.reading() as connection:
            return [_due(row) for row in connection.execute(asked)]


def _due(row: Row[Any]) -> Due:
    return Due(
        id=row.id,
        target=row.target,
        study_instance_uid=row.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        created=row.created,
        attempts=row.attempts,
        error=row.error,
        due=row.due,
    )
