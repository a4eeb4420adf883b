"""Who is told of which steps (PS3.4 CC.2.3): single ones, all, or those that match keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydicom import Dataset

from pacs_framework.dicom.packed import pack, unpack
from pacs_framework.tables import insert
from pacs_ups.state import events
from pacs_ups.state.model import (
    FILTERED,
    GLOBAL,
    Code,
    EventType,
    Result,
    StepError,
    Subscription,
)
from pacs_ups.state.outbox import enqueue
from pacs_ups.state.rows import locked_row
from pacs_ups.state.searching import matching_rows
from pacs_ups.tables import event, global_subscription, step, subscription

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.tables import TableStore

__all__ = ["Subscriptions"]

_GLOBAL = (GLOBAL, FILTERED)


def _nothing() -> None:
    return


def _anybody(aet: str) -> bool:
    del aet
    return True


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions in ``store``; safe to use from many threads.

    ``knows`` says whether an AE can be told anything by association; with ``has_channels`` anybody
    can, who opens an event channel. ``reports`` is whether anybody is, ``locks`` whether
    subscribers may keep steps from deletion. ``ring`` is called when events may wait.
    """

    store: TableStore
    knows: Callable[[str], bool] = _anybody
    reports: bool = True
    locks: bool = True
    has_channels: bool = False
    ring: Callable[[], None] = _nothing

    def subscribe(self, uid: str, aet: str, *, lock: bool, keys: Dataset | None = None) -> Result:
        """Tell ``aet`` of one step, of `GLOBAL` or of `FILTERED` by ``keys`` from now on.

        Raises `StepError`.
        """
        self._check(aet)
        if uid == FILTERED and not keys:
            raise StepError(Code.INVALID_ARGUMENT_VALUE, "a filtered subscription has no keys")
        granted = lock and self.locks
        with self.store.begin() as connection:
            if uid in _GLOBAL:
                wanted = keys if uid == FILTERED else None
                _subscribe_globally(connection, aet, wanted, locked=granted)
            else:
                row = locked_row(connection, uid)
                _subscribe(connection, row.id, aet, locked=granted)
                report = events.state_report(uid, unpack(row.dataset))
                enqueue(connection, {aet: [report]})
        self.ring()
        return Result() if granted == lock else Result(code=Code.DELETION_LOCK_NOT_GRANTED)

    def unsubscribe(self, uid: str, aet: str) -> Result:
        """Tell it no more: of one step, or globally of any. Raises `StepError`."""
        with self.store.begin() as connection:
            self._check_known(connection, aet)
            mine = subscription.c.aet == aet
            if uid in _GLOBAL:
                _end_global(connection, aet)
            else:
                mine &= subscription.c.step_fk == locked_row(connection, uid).id
            connection.execute(sa.delete(subscription).where(mine))
        self.ring()
        return Result()

    def suspend(self, uid: str, aet: str) -> Result:
        """Subscribe it to no new steps; those that it has stay. Raises `StepError`."""
        if uid not in _GLOBAL:
            raise StepError(
                Code.NOT_APPROPRIATE_FOR_INSTANCE, "a global subscription can be suspended"
            )
        with self.store.begin() as connection:
            self._check_known(connection, aet)
            _end_global(connection, aet)
        return Result()

    def restarted(self, fallback: Iterable[str]) -> int:
        """Tell all subscribers, and ``fallback``, that the provider was restarted; how many.

        Who has not been told of the last restart yet is not told twice.
        """
        with self.store.begin() as connection:
            told = set(fallback) | _subscribers(connection)
            told -= set(
                connection.execute(
                    sa.select(event.c.aet).where(event.c.type == EventType.SCP_STATUS_CHANGE)
                ).scalars()
            )
            enqueue(connection, {aet: [events.restarted()] for aet in told})
        return len(told)

    def listed(self) -> Sequence[Subscription]:
        """All subscriptions, global ones first."""
        with self.store.reading() as connection:
            globally = connection.execute(
                sa.select(global_subscription).order_by(global_subscription.c.aet)
            ).all()
            single = connection.execute(
                sa.select(subscription.c.aet, subscription.c.locked, step.c.uid)
                .join(step, step.c.id == subscription.c.step_fk)
                .order_by(subscription.c.aet, step.c.id)
            ).all()
        return [
            *map(_global_of, globally),
            *(Subscription(aet=row.aet, uid=row.uid, locked=row.locked) for row in single),
        ]

    def _check(self, aet: str) -> None:
        if not self.reports:
            raise StepError(Code.NO_EVENT_REPORTS, "event reports are switched off")
        if not (self.has_channels or self.knows(aet)):
            raise StepError(Code.UNKNOWN_RECEIVING_AE, f"no peer has the AE title {aet!r}")

    def _check_known(self, connection: Connection, aet: str) -> None:
        """One that was a peer once can still give its subscriptions back."""
        if not self.knows(aet) and aet not in _subscribers(connection):
            raise StepError(Code.UNKNOWN_RECEIVING_AE, f"no peer has the AE title {aet!r}")


def _global_of(row: sa.Row[Any]) -> Subscription:
    keys = None if row.keys is None else unpack(row.keys)
    uid = GLOBAL if keys is None else FILTERED
    return Subscription(aet=row.aet, uid=uid, locked=row.locked, keys=keys)


def _subscribers(connection: Connection) -> set[str]:
    single = sa.select(subscription.c.aet)
    return set(connection.execute(single.union(sa.select(global_subscription.c.aet))).scalars())


def _subscribe(connection: Connection, number: int, aet: str, *, locked: bool) -> None:
    row = insert(subscription, connection).values(step_fk=number, aet=aet, locked=locked)
    connection.execute(
        row.on_conflict_do_update(index_elements=["step_fk", "aet"], set_={"locked": locked})
    )


def _subscribe_globally(
    connection: Connection, aet: str, keys: Dataset | None, *, locked: bool
) -> None:
    """Steps of which it is told already stay as they are (PS3.4 Table CC.2.3-2)."""
    packed = None if keys is None else pack(keys)
    row = insert(global_subscription, connection).values(aet=aet, locked=locked, keys=packed)
    connection.execute(
        row.on_conflict_do_update(index_elements=["aet"], set_={"locked": locked, "keys": packed})
    )
    # Nobody deletes or changes a step in between; that a new one is missed, see `Steps.create`.
    connection.execute(sa.select(step.c.id).order_by(step.c.id).with_for_update()).all()
    mine = sa.select(subscription.c.step_fk).where(subscription.c.aet == aet)
    told = set(connection.execute(mine).scalars())
    new = [
        row
        for row in matching_rows(connection, Dataset() if keys is None else keys)
        if row.id not in told
    ]
    if not new:
        return
    connection.execute(
        sa.insert(subscription),
        [{"step_fk": row.id, "aet": aet, "locked": locked} for row in new],
    )
    if locked:
        enqueue(
            connection,
            {aet: [events.state_report(row.uid, unpack(row.dataset)) for row in new]},
        )


def _end_global(connection: Connection, aet: str) -> None:
    connection.execute(sa.delete(global_subscription).where(global_subscription.c.aet == aet))
