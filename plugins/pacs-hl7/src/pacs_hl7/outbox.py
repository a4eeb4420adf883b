"""The queue of messages to be sent: durable, in order for each receiver, safe on two nodes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.errors import PacsError
from pacs_framework.tables import insert
from pacs_hl7.tables import outgoing

if TYPE_CHECKING:
    from pacs_framework.tables import TableStore

__all__ = ["NotQueued", "Outbox", "Outgoing"]

QUEUED, SENT, REFUSED = "queued", "sent", "refused"


class NotQueued(PacsError):
    """No message of the queue has this number, or it is not one that could be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message for a receiver; ``state`` is queued, sent or refused."""

    id: int
    receiver: str
    event: str
    kind: str
    control_id: str
    state: str
    error: str
    made: dt.datetime
    due: dt.datetime
    attempts: int
    data: bytes


class Outbox:
    """The messages in ``store``."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may work on it."""
        return self._store.is_postgresql

    def put(self, receiver: str, event: str, kind: str, control_id: str, data: bytes) -> bool:
        """Queue a message; False where the receiver is or was told of this event already."""
        now = _now()
        values = {
            "receiver": receiver,
            "event": event,
            "kind": kind,
            "control_id": control_id,
            "state": QUEUED,
            "error": "",
            "made": now,
            "due": now,
            "attempts": 0,
            "data": data,
        }
        with self._store.begin() as connection:
            statement = insert(outgoing, connection).values(values).on_conflict_do_nothing()
            return connection.execute(statement).rowcount == 1

    def claim(self, receiver: str, lease: float) -> Outgoing | float | None:
        """The oldest message for a receiver, for ``lease`` seconds nobody else's; or how many
        seconds until it is due; None where there is none.

        Only ever the oldest one, so that they arrive in order.
        """
        c = outgoing.c
        oldest = (
            sa.select(outgoing)
            .where(c.receiver == receiver, c.state == QUEUED)
            .order_by(c.id)
            .limit(1)
            .with_for_update()
        )
        with self._store.begin() as connection:
            row = connection.execute(oldest).one_or_none()
            if row is None:
                return None
            wait: float = (row.due - _now()).total_seconds()
            if wait > 0:
                return wait
            later = _now() + dt.timedelta(seconds=lease)
            connection.execute(
                sa.update(outgoing).where(c.id == row.id).values(due=later, attempts=c.attempts + 1)
            )
            return _outgoing(row)

    def sent(self, number: int) -> None:
        """It was acknowledged."""
        self._set(number, state=SENT, error="")

    def refused(self, number: int, error: str) -> None:
        """The receiver does not want it; it is kept, and not sent again by itself."""
        self._set(number, state=REFUSED, error=error)

    def put_off(self, number: int, error: str, seconds: float) -> None:
        """It could not be delivered; try it again after ``seconds``."""
        due = _now() + dt.timedelta(seconds=seconds)
        waiting = sa.and_(outgoing.c.id == number, outgoing.c.state == QUEUED)
        with self._store.begin() as connection:
            connection.execute(sa.update(outgoing).where(waiting).values(error=error, due=due))

    def retry(self, number: int) -> Outgoing:
        """Send a message now: one that was refused, or one that waits. Raises `NotQueued`."""
        c = outgoing.c
        with self._store.begin() as connection:
            changed = connection.execute(
                sa.update(outgoing)
                .where(c.id == number, c.state.in_([QUEUED, REFUSED]))
                .values(state=QUEUED, due=_now())
            )
            if not changed.rowcount:
                raise NotQueued(
                    f"no message {number} is queued or was refused; `pacs hl7 queue list` shows all"
                )
            found = connection.execute(sa.select(outgoing).where(c.id == number)).one()
        return _outgoing(found)

    def latest(self, *, most: int, states: Sequence[str] = ()) -> list[Outgoing]:
        """The newest messages first; 0 is all."""
        selected = sa.select(outgoing).order_by(outgoing.c.id.desc()).limit(most or None)
        if states:
            selected = selected.where(outgoing.c.state.in_(states))
        with self._store.reading() as connection:
            return [_outgoing(row) for row in connection.execute(selected)]

    def resume(self) -> None:
        """All that is queued is due now: whoever was sending some of it is gone.

        Only for a start where no other node works on it.
        """
        with self._store.begin() as connection:
            connection.execute(
                sa.update(outgoing).where(outgoing.c.state == QUEUED).values(due=_now())
            )

    def sweep(self, days: int) -> None:
        """Forget what was sent more than ``days`` ago."""
        before = _now() - dt.timedelta(days=days)
        with self._store.begin() as connection:
            connection.execute(
                sa.delete(outgoing).where(outgoing.c.state == SENT, outgoing.c.made < before)
            )

    def _set(self, number: int, **values: object) -> None:
        with self._store.begin() as connection:
            connection.execute(sa.update(outgoing).where(outgoing.c.id == number).values(**values))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _outgoing(row: sa.Row[Any]) -> Outgoing:
    return Outgoing(**row._mapping)  # noqa: SLF001 - a documented attribute of SQLAlchemy's rows
