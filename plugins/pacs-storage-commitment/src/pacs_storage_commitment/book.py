"""The book of transactions: every step of one is a row that is durable before the next is taken.

Several processes, on several nodes, work on one book; a transaction has one of them at a time
(`pacs_framework.tables.Leases`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.tables import Leases, insert, now
from pacs_storage_commitment.model import FailureReason, Reference, Report, State
from pacs_storage_commitment.tables import instance, transaction

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from pacs_framework.tables import TableStore

__all__ = ["Book", "Transaction"]

_COMMITTED = 0
_IN, _OUT = "in", "out"
_UNDER_WAY = (State.CHECKING, State.REPORTING)
_PAGE = 500
_t, _i = transaction.c, instance.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One transaction. ``asked_of_us`` says who asked whom, ``peer_aet`` is the other side.

    ``clash``: its Transaction UID belongs to another one (0131H). ``error`` is why the last attempt
    failed, ``due`` when the next one is, in UTC.
    """

    id: int
    asked_of_us: bool
    transaction_uid: str
    clash: bool
    peer_aet: str
    state: State
    total: int
    failed: int
    begun: dt.datetime
    ended: dt.datetime | None
    attempts: int
    error: str
    due: dt.datetime | None


class Book:
    """The transactions in ``store``; safe to use from many threads."""

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._leases = Leases(store, transaction, _t.id)

    # --- what peers ask of us ---------------------------------------------------------------

    def take_in(
        self,
        uid: str,
        peer_aet: str,
        references: Sequence[Reference],
        owner: str,
        until: dt.datetime,
    ) -> int | None:
        """Note a request, for ``owner`` to work on; its id, or None when somebody is at it.

        The same request again, once it was reported, is done anew.
        """
        digest = _digest(peer_aet, references)
        with self._store.begin() as connection:
            found = self._found(connection, uid, digest)
            if found is None:
                clash = self._known(connection, uid)
                values = {"owner": owner, "due": until, "clash": clash}
                made = _new(connection, _IN, uid, digest, peer_aet, references, values)
                if made is not None:
                    return made
                found = self._found(connection, uid, digest)  # another node was faster
                assert found is not None
            if found.state in _UNDER_WAY:
                return None
            connection.execute(
                sa.update(transaction)
                .where(_t.id == found.id)
                .values(
                    state=State.CHECKING,
                    owner=owner,
                    due=until,
                    begun=now(),
                    ended=None,
                    failed=0,
                    attempts=0,
                    error="",
                )
            )
            connection.execute(
                sa.update(instance).where(_i.transaction_id == found.id).values(reason=None)
            )
            return int(found.id)

    @staticmethod
    def _found(connection: Connection, uid: str, digest: str) -> Transaction | None:
        found = connection.execute(
            sa.select(transaction)
            .where(_t.direction == _IN, _t.transaction_uid == uid, _t.digest == digest)
            .with_for_update()
        ).one_or_none()
        return None if found is None else _transaction(found)

    @staticmethod
    def _known(connection: Connection, uid: str) -> bool:
        known = sa.select(_t.id).where(_t.direction == _IN, _t.transaction_uid == uid)
        return connection.execute(known.limit(1)).first() is not None

    def claim(self, owner: str, until: dt.datetime) -> Transaction | None:
        """The transaction that has been due for longest, if there is one, now ours."""
        return next(map(_transaction, self._leases.claim(owner, until)), None)

    def owned(self, number: int, owner: str) -> Transaction | None:
        """The transaction with the id ``number`` if it still belongs to ``owner``."""
        row = self._leases.owned(number, owner)
        return None if row is None else _transaction(row)

    def pause(self, lease: float) -> float | None:
        """Seconds until somebody has to look at a transaction, None for not before there is one."""
        return self._leases.pause(lease)

    def renew(self, number: int, owner: str, until: dt.datetime) -> bool:
        """Stay the owner until then; False when somebody else is by now."""
        return self._leases.renew(number, owner, until)

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        self._leases.release(owner)

    def settle(
        self, number: int, owner: str, reasons: Sequence[int | None], until: dt.datetime
    ) -> bool:
        """Note what the check found, in the order of `references`: None, or a Failure Reason.

        Reporting is next.
        """
        failed = sum(reason is not None for reason in reasons)
        with self._store.begin() as connection:
            ours = connection.execute(
                sa.update(transaction)
                .where(_t.id == number, _t.owner == owner)
                .values(state=State.REPORTING, failed=failed, attempts=0, error="", due=until)
            )
            if not ours.rowcount:
                return False
            _note(connection, number, enumerate(reasons))
            return True

    def reported(self, number: int, owner: str) -> bool:
        """The peer has its report."""
        ended = {"state": State.REPORTED, "ended": now(), "error": ""}
        return self._leases.change(number, owner, due=None, **ended)

    def put_off(self, number: int, owner: str, error: str, until: dt.datetime) -> bool:
        """An attempt failed; the next one is due ``until`` then."""
        return self._leases.put_off(number, owner, error, until)

    def give_up(self, number: int, owner: str, error: str) -> bool:
        """No attempt follows by itself."""
        ended = {"state": State.GIVEN_UP, "ended": now()}
        return self._leases.put_off(number, owner, error, None, **ended)

    def retry(self, uid: str) -> int:
        """Have reports to peers sent again, at once; how many transactions that are."""
        reportable = _t.state.in_((State.REPORTING, State.REPORTED, State.GIVEN_UP))
        return self._leases.hurry(
            _t.direction == _IN,
            _t.transaction_uid == uid,
            reportable,
            state=State.REPORTING,
            begun=now(),
            attempts=0,
        )

    # --- what we ask of peers ---------------------------------------------------------------

    def ask(self, uid: str, peer_aet: str, references: Sequence[Reference]) -> None:
        """Note a request of ours, before it is sent: its report may come at once."""
        with self._store.begin() as connection:
            values = {"state": State.ASKED}
            digest = _digest(peer_aet, references)
            made = _new(connection, _OUT, uid, digest, peer_aet, references, values)
            assert made is not None, "a new Transaction UID is in use"

    def refused(self, uid: str, error: str) -> None:
        """The peer did not take our request."""
        with self._store.begin() as connection:
            connection.execute(
                sa.update(transaction)
                .where(_t.direction == _OUT, _t.transaction_uid == uid, _t.state == State.ASKED)
                .values(state=State.REFUSED, ended=now(), error=error, failed=_t.total)
            )

    def answered(self, report: Report) -> bool:
        """Note a peer's report; False when we asked nothing under this Transaction UID.

        The first report counts. What it does not name has failed without a reason.
        """
        with self._store.begin() as connection:
            row = connection.execute(
                sa.select(_t.id, _t.state)
                .where(_t.direction == _OUT, _t.transaction_uid == report.transaction_uid)
                .with_for_update()
            ).one_or_none()
            if row is None:
                return False
            if row.state != State.ASKED:
                return True
            asked = _references(connection, row.id)
            told = dict.fromkeys(report.committed) | report.failed
            failed = [each for each in asked if each not in told or told[each] is not None]
            unnamed = sum(each not in told for each in asked)
            connection.execute(
                sa.update(transaction)
                .where(_t.id == row.id)
                .values(
                    state=State.REFUSED if failed else State.COMMITTED,
                    failed=len(failed),
                    ended=now(),
                    error=f"{unnamed} instances are not in the report" if unnamed else "",
                )
            )
            named = ((place, told[each]) for place, each in enumerate(asked) if each in told)
            _note(connection, row.id, named)
            return True

    # --- reading ----------------------------------------------------------------------------

    def references(self, number: int) -> list[Reference]:
        """The instances of a transaction, as they were named."""
        with self._store.reading() as connection:
            return _references(connection, number)

    def report(self, found: Transaction) -> Report:
        """What is reported of a transaction that is settled."""
        results = self.results(found.id)
        return Report(
            transaction_uid=found.transaction_uid,
            committed=tuple(each for each, reason in results if reason == _COMMITTED),
            failed={
                each: FailureReason.PROCESSING_FAILURE if reason is None else reason
                for each, reason in results
                if reason != _COMMITTED
            },
        )

    def results(self, number: int) -> list[tuple[Reference, int | None]]:
        """Each instance with None (nothing known), 0 (committed), or a Failure Reason."""
        with self._store.reading() as connection:
            rows = connection.execute(
                sa.select(_i.sop_class_uid, _i.sop_instance_uid, _i.reason)
                .where(_i.transaction_id == number)
                .order_by(_i.position)
            )
            return [(Reference(row[0], row[1]), row[2]) for row in rows]

    def by_uid(self, uid: str) -> list[Transaction]:
        """The transactions under a Transaction UID: one, unless there was a clash, or two where the
        archive asked itself.
        """
        return self._listed(_t.transaction_uid == uid)

    def latest(self, most: int, states: Iterable[State] = ()) -> list[Transaction]:
        """The newest transactions first, in these ``states`` or in any."""
        wanted = tuple(states)
        return self._listed(_t.state.in_(wanted) if wanted else sa.true(), most)

    def _listed(
        self, condition: sa.ColumnElement[bool], most: int | None = None
    ) -> list[Transaction]:
        with self._store.reading() as connection:
            rows = connection.execute(
                sa.select(transaction)
                .where(condition)
                .order_by(_t.begun.desc(), _t.id.desc())
                .limit(most)
            )
            return [_transaction(row) for row in rows]


def _new(
    connection: Connection,
    direction: str,
    uid: str,
    digest: str,
    peer_aet: str,
    references: Sequence[Reference],
    values: Mapping[str, object],
) -> int | None:
    """The id of a new transaction, None when there is one."""
    whole = {
        "direction": direction,
        "transaction_uid": uid,
        "digest": digest,
        "clash": False,
        "peer_aet": peer_aet,
        "state": State.CHECKING,
        "total": len(references),
        "failed": 0,
        "begun": now(),
        "attempts": 0,
        "error": "",
        "owner": "",
        **values,
    }
    number: int | None = connection.execute(
        insert(transaction, connection).values(**whole).on_conflict_do_nothing().returning(_t.id)
    ).scalar()
    if number is not None:
        connection.execute(
            sa.insert(instance),
            [
                {
                    "transaction_id": number,
                    "position": position,
                    "sop_class_uid": each.sop_class_uid,
                    "sop_instance_uid": each.sop_instance_uid,
                }
                for position, each in enumerate(references)
            ],
        )
    return number


def _note(connection: Connection, number: int, reasons: Iterable[tuple[int, int | None]]) -> None:
    """Write down what is known of each instance, by its position."""
    rows = [
        {"number": number, "place": place, "found": _COMMITTED if reason is None else reason}
        for place, reason in reasons
    ]
    if rows:
        statement = (
            sa.update(instance)
            .where(
                _i.transaction_id == sa.bindparam("number"), _i.position == sa.bindparam("place")
            )
            .values(reason=sa.bindparam("found"))
        )
        connection.execute(statement, rows)


def _references(connection: Connection, number: int) -> list[Reference]:
    rows = connection.execute(
        sa.select(_i.sop_class_uid, _i.sop_instance_uid)
        .where(_i.transaction_id == number)
        .order_by(_i.position)
    )
    return [Reference(*row) for row in rows]


def _digest(peer_aet: str, references: Iterable[Reference]) -> str:
    told = [f"{each.sop_class_uid} {each.sop_instance_uid}" for each in sorted(references)]
    return hashlib.sha256("\n".join([peer_aet, *told]).encode()).hexdigest()


def _transaction(row: Row[Any]) -> Transaction:
    return Transaction(
        id=row.id,
        asked_of_us=row.direction == _IN,
        transaction_uid=row.transaction_uid,
        clash=row.clash,
        peer_aet=row.peer_aet,
        state=State(row.state),
        total=row.total,
        failed=row.failed,
        begun=row.begun,
        ended=row.ended,
        attempts=row.attempts,
        error=row.error,
        due=row.due,
    )
