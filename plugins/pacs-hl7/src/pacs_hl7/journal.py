"""The messages that came in: what became of each, kept for who asks and for another try."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.errors import PacsError
from pacs_framework.tables import insert
from pacs_hl7.acknowledging import Outcome
from pacs_hl7.faults import Code
from pacs_hl7.tables import message

if TYPE_CHECKING:
    from pacs_framework.tables import TableStore
    from pacs_hl7.message import Message

__all__ = ["Arrival", "Entry", "Journal", "UnknownMessage"]

_SWEPT_EVERY = 256  # messages


class UnknownMessage(PacsError):
    """No message with this number is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message as it came, and by what it is known again."""

    data: bytes
    address: str
    sender: str = ""
    control_id: str = ""
    kind: str = ""

    @classmethod
    def of(cls, data: bytes, address: str, header: Message | None) -> Arrival:
        """With what MSH says, where there is one."""
        if header is None:
            return cls(data=data, address=address)
        return cls(
            data=data,
            address=address,
            sender=header.sender,
            control_id=header.control_id,
            kind=header.kind,
        )

    @property
    def digest(self) -> str:
        """Of its bytes: a sender that starts its numbers anew is not repeating itself."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message that is kept."""

    id: int
    received: dt.datetime
    attempts: int
    arrival: Arrival
    outcome: Outcome


class Journal:
    """The messages in ``store``. Accepted ones are kept for ``keep_days``, others for
    ``keep_rejected_days``; 0 is for ever.
    """

    def __init__(
        self, store: TableStore, *, keep_days: int = 0, keep_rejected_days: int = 0
    ) -> None:
        self._store = store
        self._keep = {True: keep_days, False: keep_rejected_days}

    def find(self, arrival: Arrival) -> Entry | None:
        """The same message where it came before."""
        conditions = [message.c[name] == value for name, value in _identity(arrival).items()]
        with self._store.reading() as connection:
            row = connection.execute(sa.select(message).where(*conditions)).one_or_none()
        return None if row is None else _entry(row)

    def get(self, number: int) -> Entry:
        """One message. Raises `UnknownMessage`."""
        with self._store.reading() as connection:
            row = connection.execute(sa.select(message).where(message.c.id == number)).one_or_none()
        if row is None:
            raise UnknownMessage(f"no message {number} is kept; `pacs hl7 messages list` shows all")
        return _entry(row)

    def latest(self, *, most: int, rejected: bool = False, kind: str = "") -> list[Entry]:
        """The newest messages first; 0 is all."""
        conditions = [message.c.code != Code.ACCEPT.value] if rejected else []
        conditions += [message.c.kind == kind] if kind else []
        selected = sa.select(message).where(*conditions).order_by(message.c.id.desc())
        with self._store.reading() as connection:
            return [_entry(row) for row in connection.execute(selected.limit(most or None))]

    def record(self, arrival: Arrival, outcome: Outcome) -> int:
        """Keep a message with what became of it; its number. Durable when it returns."""
        result = {
            "code": outcome.code.value,
            "error": outcome.error,
            "location": outcome.location,
            "reason": outcome.reason,
            "received": dt.datetime.now(dt.UTC),
        }
        facts = {"kind": arrival.kind, "address": arrival.address, "data": arrival.data}
        with self._store.begin() as connection:
            values = {**_identity(arrival), **facts, **result, "attempts": 1}
            statement = insert(message, connection).values(values)
            statement = statement.on_conflict_do_update(
                index_elements=["sender", "control_id", "digest"],
                set_={**result, "attempts": message.c.attempts + 1},
            )
            number = int(connection.execute(statement.returning(message.c.id)).scalar_one())
            if number % _SWEPT_EVERY == 0:
                self._sweep(connection)
        return number

    def _sweep(self, connection: sa.Connection) -> None:
        for accepted, days in self._keep.items():
            if days:
                before = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
                is_accepted = message.c.code == Code.ACCEPT.value
                connection.execute(
                    sa.delete(message).where(
                        message.c.received < before, is_accepted if accepted else ~is_accepted
                    )
                )


def _identity(arrival: Arrival) -> dict[str, str]:
    return {
        "sender": arrival.sender,
        "control_id": arrival.control_id,
        "digest": arrival.digest,
    }


def _entry(row: sa.Row[Any]) -> Entry:
    arrival = Arrival(
        data=row.data,
        address=row.address,
        sender=row.sender,
        control_id=row.control_id,
        kind=row.kind,
    )
    outcome = Outcome(
        code=Code(row.code), error=row.error, location=row.location, reason=row.reason
    )
    return Entry(
        id=row.id,
        received=row.received,
        attempts=row.attempts,
        arrival=arrival,
        outcome=outcome,
    )
