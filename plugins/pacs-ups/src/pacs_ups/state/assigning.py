"""Which steps the archive performs itself: those to be looked at, and those of a performer.

A step has a row while nobody has asked the performers since it was made or changed, and while one
of them has it. So nothing is overlooked, whoever made the step and whoever died since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.tables import insert
from pacs_ups.state.model import State, Step
from pacs_ups.state.rows import step_of
from pacs_ups.tables import assignment, step

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.tables import TableStore

__all__ = ["Assignments", "assign", "drop", "is_performed", "look_again"]

_AT_ONCE = 100
_FINAL = [state for state in State if state.final]


def look_again(connection: Connection, number: int) -> None:
    """Have performers asked of a step that is new, or not what it was."""
    _set(connection, number, None)


def assign(connection: Connection, number: int, performer: str) -> None:
    """The step is a performer's."""
    _set(connection, number, performer)


def drop(connection: Connection, number: int) -> None:
    """The step is no performer's."""
    connection.execute(sa.delete(assignment).where(assignment.c.step_fk == number))


def is_performed(connection: Connection, number: int) -> bool:
    """Whether a performer of the archive has the step."""
    performer = sa.select(assignment.c.performer).where(assignment.c.step_fk == number)
    return connection.execute(performer).scalar() is not None


def _set(connection: Connection, number: int, performer: str | None) -> None:
    row = insert(assignment, connection).values(step_fk=number, performer=performer)
    connection.execute(
        row.on_conflict_do_update(index_elements=["step_fk"], set_={"performer": performer})
    )


@dataclass(frozen=True, slots=True)
class Assignments:
    """The same for those who see to it that steps are performed."""

    store: TableStore

    def reconsider(self) -> None:
        """Have performers asked of all scheduled steps that none has: they may be others now."""
        none = ~sa.exists().where(assignment.c.step_fk == step.c.id)
        found = sa.select(step.c.id, sa.null()).where(step.c.state == State.SCHEDULED, none)
        with self.store.begin() as connection:
            new = insert(assignment, connection).from_select(["step_fk", "performer"], found)
            connection.execute(new.on_conflict_do_nothing())

    def unsettled(self) -> list[Step]:
        """Some of the steps that performers are to be asked of, oldest first; none: that is all."""
        asked = (
            sa.select(step)
            .join(assignment, assignment.c.step_fk == step.c.id)
            .where(assignment.c.performer.is_(None))
        )
        with self.store.reading() as connection:
            rows = connection.execute(asked.order_by(step.c.id).limit(_AT_ONCE)).all()
        return [step_of(row) for row in rows]

    def settle(self, seen: Step, performer: str) -> None:
        """It is of ``performer``, or with nothing of none, if it is still as it was ``seen``."""
        with self.store.begin() as connection:
            row = connection.execute(
                sa.select(step.c.id, step.c.changed).where(step.c.uid == seen.uid).with_for_update()
            ).one_or_none()
            if row is None or row.changed != seen.changed:
                return
            if performer:
                assign(connection, row.id, performer)
            else:
                drop(connection, row.id)

    def ended(self) -> list[str]:
        """The UIDs of steps that are over, and that a performer may still be at work on."""
        over = (
            sa.select(step.c.uid)
            .join(assignment, assignment.c.step_fk == step.c.id)
            .where(assignment.c.performer.is_not(None), step.c.state.in_(_FINAL))
        )
        with self.store.reading() as connection:
            return list(connection.execute(over.limit(_AT_ONCE)).scalars())

    def performed(self) -> list[str]:
        """The UIDs of steps that a performer has, and that are not over."""
        asked = (
            sa.select(step.c.uid)
            .join(assignment, assignment.c.step_fk == step.c.id)
            .where(assignment.c.performer.is_not(None), step.c.state.not_in(_FINAL))
        )
        with self.store.reading() as connection:
            return list(connection.execute(asked.order_by(step.c.id)).scalars())

    def forget(self, uid: str) -> None:
        """Nobody is at work on it any more."""
        numbers = sa.select(step.c.id).where(step.c.uid == uid)
        with self.store.begin() as connection:
            connection.execute(
                sa.delete(assignment).where(assignment.c.step_fk.in_(numbers.scalar_subquery()))
            )

    def holds(self, uid: str, lock: str) -> bool:
        """Whether ``lock`` is the Transaction UID of a step that is IN PROGRESS."""
        mine = sa.select(step.c.id).where(
            step.c.uid == uid, step.c.state == State.IN_PROGRESS, step.c.transaction_uid == lock
        )
        with self.store.reading() as connection:
            return connection.execute(mine).first() is not None
