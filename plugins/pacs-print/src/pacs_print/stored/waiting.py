"""Series that are to be printed, as they wait in their table."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.tables import Leases, insert, now
from pacs_print.stored.errand import Errand, PrintRule
from pacs_print.tables import series, shown

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from pacs_framework.archive.changes import Change
    from pacs_framework.tables import TableStore

__all__ = ["Waiting", "WaitingSeries"]

_s = series.c


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingSeries:
    """A series, or a whole study where that is empty; ``error`` is why it was not printed yet.

    ``due`` None: it is given up. ``by_hand``: a person asked for it, not a rule.
    """

    id: int
    errand: PrintRule
    study_instance_uid: str
    series_instance_uid: str
    by_hand: bool
    made: dt.datetime
    attempts: int
    error: str
    due: dt.datetime | None


class Waiting:
    """The series of ``store`` that wait; safe to use from many threads.

    Everything raises `IndexUnavailable` where the database fails.
    """

    def __init__(self, store: TableStore, ring: Callable[[], object] = lambda: None) -> None:
        self._store = store
        self._leases = Leases(store, series, _s.id)
        self._ring = ring

    def arrived(self, changes: Iterable[Change], rules: Iterable[PrintRule]) -> None:
        """Instances are stored: their series wait, or wait longer, for each rule they are for."""
        known = [*rules]
        wanted = {
            (rule.model_dump_json(), each.study_instance_uid, each.series_instance_uid): rule.quiet
            for each in changes
            for rule in known
            if rule.wants(each)
        }
        self._put([(*key, quiet) for key, quiet in sorted(wanted.items())], by_hand=False)

    def add(self, errand: Errand, study_instance_uid: str, series_instance_uid: str = "") -> None:
        """Print it now."""
        rule = PrintRule.model_validate(errand.model_dump())
        key = (rule.model_dump_json(), study_instance_uid, series_instance_uid)
        self._put([(*key, 0.0)], by_hand=True)

    def _put(self, wanted: Iterable[tuple[str, str, str, float]], *, by_hand: bool) -> None:
        rows = [*wanted]
        if not rows:
            return
        moment = now()
        with self._store.begin() as connection:
            for errand, study, number, quiet in rows:
                row = insert(series, connection).values(
                    errand=errand,
                    study_instance_uid=study,
                    series_instance_uid=number,
                    by_hand=by_hand,
                    made=moment,
                    due=moment + dt.timedelta(seconds=quiet),
                )
                connection.execute(
                    row.on_conflict_do_update(
                        index_elements=["errand", "study_instance_uid", "series_instance_uid"],
                        # Nobody's: who is at it finds that there is more, and leaves it waiting.
                        set_={
                            "due": row.excluded.due,
                            "by_hand": row.excluded.by_hand | _s.by_hand,
                            "made": moment,
                            "owner": "",
                            "attempts": 0,
                        },
                    )
                )
        self._ring()

    def claim(self, owner: str, until: dt.datetime) -> WaitingSeries | None:
        """What has been due for longest, if anything is, now ours until then."""
        return next(map(_waiting, self._leases.claim(owner, until)), None)

    def renew(self, found: WaitingSeries, owner: str, until: dt.datetime) -> bool:
        """Stay the owner until then; False when it is to be printed anew."""
        return self._leases.renew(found.id, owner, until)

    def done(self, found: WaitingSeries, owner: str, uids: Iterable[str] = ()) -> None:
        """These instances of it are printed, or in the queue; those that came since wait."""
        moment = now()
        with self._store.begin() as connection:
            for uid in () if found.by_hand else uids:
                row = insert(shown, connection).values(
                    **_of(found), sop_instance_uid=uid, at=moment
                )
                connection.execute(row.on_conflict_do_nothing())
        self._leases.done([found.id], owner)

    def shown(self, found: WaitingSeries) -> set[str]:
        """The instances that its rule has printed; none where a person asked for it."""
        if found.by_hand:
            return set()
        asked = sa.select(shown.c.sop_instance_uid).filter_by(**_of(found))
        with self._store.reading() as connection:
            return {*connection.scalars(asked)}

    def forget(self, before: dt.datetime) -> None:
        """What was printed before then; should more of such a series come, it is printed whole."""
        old = shown.c.at < before
        with self._store.reading() as connection:
            if connection.execute(sa.select(shown.c.at).where(old).limit(1)).first() is None:
                return  # without a turn at the pen
        with self._store.begin() as connection:
            connection.execute(sa.delete(shown).where(old))

    def put_off(
        self, found: WaitingSeries, owner: str, error: str, until: dt.datetime | None
    ) -> None:
        """An attempt failed; the next one is due then, None for no next one."""
        self._leases.put_off(found.id, owner, error, until, owner="")

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        self._leases.release(owner)

    def pause(self, lease: float) -> float | None:
        """Seconds until something is due; None for not before there is news."""
        return self._leases.pause(lease)

    def listed(self) -> list[WaitingSeries]:
        """All of them, oldest first."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(series).order_by(_s.id)).all()
        return [_waiting(row) for row in rows]


def _of(found: WaitingSeries) -> dict[str, str]:
    """Rule and series, as the table of what was printed has them."""
    digest = hashlib.sha256(found.errand.model_dump_json().encode()).hexdigest()
    return {"rule": digest, "series_instance_uid": found.series_instance_uid}


def _waiting(row: Row[Any]) -> WaitingSeries:
    return WaitingSeries(
        id=row.id,
        errand=PrintRule.model_validate_json(row.errand),
        study_instance_uid=row.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        by_hand=row.by_hand,
        made=row.made,
        attempts=row.attempts,
        error=row.error,
        due=row.due,
    )
