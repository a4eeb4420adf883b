"""Who is to hear of what: rows that are written with the step itself, and go when they were heard.

Several processes, on several nodes, deliver: a row has one of them at a time
(`pacs_framework.tables.Leases`). In one lane a later row waits for the earlier ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.tables import Leases, now
from pacs_mpps.statements import ADD
from pacs_mpps.tables import delivery

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from pacs_framework.tables import TableStore

__all__ = ["Delivery", "Kind", "Outbox", "add"]

_d = delivery.c


class Kind(StrEnum):
    """How something is delivered."""

    HOOK = "hook"
    FORWARD = "forward"
    NOTIFY = "notify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row. ``lane`` is the SOP Instance UID of a step, or the UID of a study.

    ``event`` is the name of a hook, N-CREATE or N-SET, or an Event Type ID; ``number`` that of a
    completion. ``due`` None: given up.
    """

    id: int
    kind: Kind
    receiver: str
    lane: str
    event: str
    payload: bytes
    number: int
    created: dt.datetime
    attempts: int
    error: str
    due: dt.datetime | None


def add(
    connection: Connection,
    kind: Kind,
    receivers: Iterable[str],
    *,
    lane: str,
    event: str,
    payload: bytes = b"",
    number: int = 0,
) -> None:
    """One row for each of ``receivers``, due at once, in the transaction of ``connection``."""
    moment = now()
    rows = [
        {
            "kind": kind,
            "receiver": receiver,
            "lane": lane,
            "event": event,
            "payload": payload,
            "number": number,
            "created": moment,
            "attempts": 0,
            "error": "",
            "due": moment,
            "owner": "",
        }
        for receiver in receivers
    ]
    ADD.run_many(connection, rows)


class Outbox:
    """The rows in ``store``; safe to use from many threads."""

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._leases = Leases(store, delivery, _d.id, lane=(_d.lane, _d.kind, _d.receiver))

    def claim(
        self, kind: Kind, receiver: str, owner: str, until: dt.datetime, most: int
    ) -> list[Delivery]:
        """What is due and first in its lane, now ours."""
        rows = self._leases.claim(owner, until, *_of(kind, receiver), most=most)
        return [_delivery(row) for row in rows]

    def next_due(self, kind: Kind, receiver: str) -> dt.datetime | None:
        """When somebody has to look again."""
        return self._leases.next_due(*_of(kind, receiver))

    def pause(self, kind: Kind, receiver: str, lease: float) -> float | None:
        """Seconds until somebody has to look again, None for not before there is news."""
        return self._leases.pause(lease, *_of(kind, receiver))

    def still_owned(self, number: int, owner: str, until: dt.datetime) -> bool:
        """Stay the owner of a row until then; False when somebody else is by now."""
        return self._leases.renew(number, owner, until)

    def done(self, numbers: Collection[int], owner: str) -> None:
        """They were delivered."""
        self._leases.done(numbers, owner)

    def put_off(self, number: int, owner: str, error: str, until: dt.datetime | None) -> bool:
        """An attempt failed; the next one is due then, None for no next one."""
        return self._leases.put_off(number, owner, error, until)

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        self._leases.release(owner)

    def retry(self, lane: str) -> int:
        """Have all of one lane delivered at once, also what was given up; how many rows."""
        return self._leases.hurry(_d.lane == lane, created=now(), attempts=0)

    def waiting(self, lanes: Sequence[str] = ()) -> list[Delivery]:
        """What is not delivered yet, in these lanes or in any, in order."""
        selected = sa.select(delivery).order_by(_d.id)
        with self._store.reading() as connection:
            rows = connection.execute(selected.where(_d.lane.in_(lanes)) if lanes else selected)
            return [_delivery(row) for row in rows]


def _of(kind: Kind, receiver: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return _d.kind == kind, _d.receiver == receiver


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        kind=Kind(row.kind),
        receiver=row.receiver,
        lane=row.lane,
        event=row.event,
        payload=bytes(row.payload),
        number=row.number,
        created=row.created,
        attempts=row.attempts,
        error=row.error,
        due=row.due,
    )
