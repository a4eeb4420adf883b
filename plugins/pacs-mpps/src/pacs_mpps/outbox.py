"""Who is to hear of what: rows that are written with the step itself, and go when they were heard.

Several processes, on several nodes, deliver. Who works on a row owns it until it is ``due`` again;
every change names the owner it expects. In one lane a later row waits for the earlier ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_mpps.tables import delivery

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from pacs_framework.tables import TableStore

__all__ = ["Delivery", "Kind", "Outbox", "add", "now"]

_d = delivery.c


def now() -> dt.datetime:
    """The time, in UTC."""
    return dt.datetime.now(dt.UTC)


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
    if rows:
        connection.execute(sa.insert(delivery), rows)


class Outbox:
    """The rows in ``store``; safe to use from many threads."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may work on it, of whose work nobody tells us."""
        return self._store.is_postgresql

    def claim(
        self, kind: Kind, receiver: str, owner: str, until: dt.datetime, most: int
    ) -> list[Delivery]:
        """What is due and first in its lane, now ours."""
        moment, ours = now(), _of(kind, receiver)
        with self._store.reading() as connection:
            waiting = sa.select(_d.id).where(*ours, _d.due <= moment).limit(1)
            if connection.execute(waiting).first() is None:
                return []  # without a turn at the pen
        with self._store.begin() as connection:
            rows = connection.execute(
                sa.select(delivery)
                .where(*ours, _d.due <= moment)
                .order_by(_d.id)
                .limit(most)
                .with_for_update(skip_locked=True)
            ).all()
            if rows:
                connection.execute(
                    sa.update(delivery)
                    .where(_d.id.in_([row.id for row in rows]))
                    .values(owner=owner, due=until)
                )
        return [_delivery(row) for row in rows]

    def next_due(self, kind: Kind, receiver: str) -> dt.datetime | None:
        """When somebody has to look again."""
        with self._store.reading() as connection:
            due: dt.datetime | None = connection.execute(
                sa.select(sa.func.min(_d.due)).where(*_of(kind, receiver))
            ).scalar()
            return due

    def still_owned(self, number: int, owner: str, until: dt.datetime) -> bool:
        """Stay the owner of a row until then; False when somebody else is by now."""
        return self._change(number, owner, due=until)

    def done(self, numbers: Collection[int], owner: str) -> None:
        """They were delivered."""
        if not numbers:
            return
        with self._store.begin() as connection:
            connection.execute(
                sa.delete(delivery).where(_d.id.in_(list(numbers)), _d.owner == owner)
            )

    def put_off(self, number: int, owner: str, error: str, until: dt.datetime | None) -> bool:
        """An attempt failed; the next one is due then, None for no next one."""
        return self._change(number, owner, attempts=_d.attempts + 1, error=error, due=until)

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        with self._store.begin() as connection:
            connection.execute(
                sa.update(delivery)
                .where(_d.owner == owner, _d.due.is_not(None))
                .values(owner="", due=now())
            )

    def retry(self, lane: str) -> int:
        """Have all of one lane delivered at once, also what was given up; how many rows."""
        with self._store.begin() as connection:
            done = connection.execute(
                sa.update(delivery)
                .where(_d.lane == lane)
                .values(owner="", due=now(), created=now(), attempts=0)
            )
            return int(done.rowcount)

    def waiting(self, lanes: Sequence[str] = ()) -> list[Delivery]:
        """What is not delivered yet, in these lanes or in any, in order."""
        selected = sa.select(delivery).order_by(_d.id)
        with self._store.reading() as connection:
            rows = connection.execute(selected.where(_d.lane.in_(lanes)) if lanes else selected)
            return [_delivery(row) for row in rows]

    def _change(self, number: int, owner: str, **values: Any) -> bool:
        with self._store.begin() as connection:
            done = connection.execute(
                sa.update(delivery).where(_d.id == number, _d.owner == owner).values(**values)
            )
            return bool(done.rowcount)


def _of(kind: Kind, receiver: str) -> list[sa.ColumnElement[bool]]:
    """Rows of one receiver that are the first ones of their lanes."""
    earlier = delivery.alias()
    one_before = sa.select(earlier.c.id).where(
        earlier.c.lane == _d.lane,
        earlier.c.kind == _d.kind,
        earlier.c.receiver == _d.receiver,
        earlier.c.id < _d.id,
    )
    return [_d.kind == kind, _d.receiver == receiver, ~one_before.exists()]


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
