"""What is known of runs: begun, ended, and who may look it up (see `pacs_ai.tables`)."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_ai.records import NoSuchRun, Review, RunRecord, RunResult, State, Verdict
from pacs_ai.tables import review, run, run_input, run_result
from pacs_framework.tables import now

if TYPE_CHECKING:
    from pydicom import Dataset
    from sqlalchemy.engine import Connection

    from pacs_ai.catalogue import OfferedModel
    from pacs_framework.tables import TableStore

__all__ = ["Book", "NoSuchRun", "Review", "RunRecord", "RunResult", "State", "Verdict"]

_SAME = ("model", "version", "study_instance_uid", "series_instance_uid")
"""What two runs have in common that do the same once more."""


class Book:
    """Runs in the tables of one archive. Every method raises `IndexUnavailable`."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    def begin(self, inputs: Sequence[str] = (), **values: str) -> None:
        """A run of these values begins, on this node, about the instances ``inputs``."""
        row = {"state": State.RUNNING, "reason": "", "log": "", "node": socket.gethostname()}
        with self._store.begin() as connection:
            connection.execute(run.insert().values(**row, **values, started=now()))
            if not inputs:
                return
            begun = self._key(connection, values["uid"])
            connection.execute(
                run_input.insert(),
                [
                    {"run_fk": begun, "number": number, "sop_instance_uid": each}
                    for number, each in enumerate(inputs)
                ],
            )

    def made(self, uid: str, results: Sequence[Dataset]) -> None:
        """What a run made, before any of it is stored."""
        with self._store.begin() as connection:
            row = self._key(connection, uid)
            connection.execute(
                run_result.insert(),
                [
                    {
                        "run_fk": row,
                        "number": number,
                        "sop_class_uid": str(each.SOPClassUID),
                        "series_instance_uid": str(each.SeriesInstanceUID),
                        "sop_instance_uid": str(each.SOPInstanceUID),
                        "stored": False,
                    }
                    for number, each in enumerate(results)
                ],
            )

    def stored(self, uid: str, sop_instance_uid: str) -> None:
        """A result of the run is in the archive."""
        with self._store.begin() as connection:
            row = self._key(connection, uid)
            connection.execute(
                run_result.update()
                .where(run_result.c.run_fk == row)
                .where(run_result.c.sop_instance_uid == sop_instance_uid)
                .values(stored=True)
            )

    def end(self, uid: str, state: State, *, reason: str = "", log: str = "") -> None:
        """The run is over."""
        values = {"state": state, "reason": reason, "log": log, "ended": now()}
        with self._store.begin() as connection:
            connection.execute(run.update().where(run.c.uid == uid).values(**values))

    def lose(self, living: Collection[str]) -> None:
        """Runs of this node whose folder is not among the ``living`` ones are LOST."""
        of_node = (run.c.state == State.RUNNING) & (run.c.node == socket.gethostname())
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(run.c.id, run.c.folder).where(of_node)).all()
        gone = [row.id for row in rows if row.folder not in living]
        if not gone:
            return
        values = {"state": State.LOST, "reason": "its process ended before it did", "ended": now()}
        with self._store.begin() as connection:
            connection.execute(
                run.update()
                .where(run.c.id.in_(gone), run.c.state == State.RUNNING)
                .values(**values)
            )

    def find(self, uid: str) -> RunRecord:
        """The run of this UID, or the one that made the instance of it. Raises `NoSuchRun`."""
        made = sa.select(run_result.c.run_fk).where(run_result.c.sop_instance_uid == uid)
        rows = self._rows(sa.select(run).where((run.c.uid == uid) | run.c.id.in_(made)))
        if not rows:
            raise NoSuchRun(f"there is no run {uid!r}, nor one that made it; see `pacs ai runs`")
        return _record(rows[-1])

    def known(self, uid: str) -> RunRecord | None:
        """The run of this UID, if it was begun."""
        rows = self._rows(sa.select(run).where(run.c.uid == uid))
        return _record(rows[0]) if rows else None

    def newest(self, most: int, *, model: str = "", state: str = "") -> list[RunRecord]:
        """The last ``most`` runs, newest first."""
        statement = sa.select(run).order_by(run.c.id.desc()).limit(most)
        if model:
            statement = statement.where(run.c.model == model)
        if state:
            statement = statement.where(run.c.state == state)
        return [_record(row) for row in self._rows(statement)]

    def last_ended(self, most: int, model: OfferedModel) -> list[RunRecord]:
        """The last ``most`` runs of this version of ``model`` that are over, newest first."""
        statement = (
            sa.select(run)
            .where(run.c.model == model.name, run.c.version == model.version)
            .where(run.c.state != State.RUNNING)
            .order_by(run.c.id.desc())
        )
        return [_record(row) for row in self._rows(statement.limit(most))]

    def done_since(
        self, since: dt.datetime, model: OfferedModel, study: str, series: str, *, stored: bool
    ) -> RunRecord | None:
        """The last run of ``model`` on a series (empty for the whole study) that began after
        ``since`` and went well, if there is one; ``stored`` says whether its results went into the
        archive, which makes no difference to one that found nothing.
        """
        made = sa.select(run_result.c.run_fk).where(run_result.c.stored)
        within = run.c.id.in_(made)
        done = (run.c.state == State.DONE) & (within if stored else ~within)
        statement = (
            sa.select(run)
            .where(run.c.study_instance_uid == study, run.c.series_instance_uid == series)
            .where(run.c.started >= since)
            .where(run.c.model == model.name, run.c.version == model.version)
            .where(done | (run.c.state == State.NOTHING))
        )
        rows = self._rows(statement.order_by(run.c.id.desc()).limit(1))
        return _record(rows[0]) if rows else None

    def common(self, first: OfferedModel, second: OfferedModel) -> list[tuple[str, str, str]]:
        """Series or study that both models went well on, and the UIDs of the last runs of them."""
        one, other = _last_runs(first).subquery(), _last_runs(second).subquery()
        runs = run.alias("one"), run.alias("other")
        statement = (
            sa.select(one.c.about, runs[0].c.uid, runs[1].c.uid)
            .join(other, one.c.about == other.c.about)
            .join(runs[0], runs[0].c.id == one.c.last)
            .join(runs[1], runs[1].c.id == other.c.last)
        )
        ordered = statement.order_by(one.c.about)
        return [(row[0], row[1], row[2]) for row in self._rows(ordered)]

    def inputs(self, record: RunRecord) -> list[str]:
        """The SOP Instance UIDs that a run was given."""
        ordered = sa.select(run_input.c.sop_instance_uid).order_by(run_input.c.number)
        return [row[0] for row in self._rows(ordered.where(run_input.c.run_fk == record.id))]

    def results(self, record: RunRecord) -> list[RunResult]:
        """What a run made."""
        ordered = sa.select(run_result).order_by(run_result.c.number)
        return [
            RunResult(
                sop_class_uid=row.sop_class_uid,
                series_instance_uid=row.series_instance_uid,
                sop_instance_uid=row.sop_instance_uid,
                stored=row.stored,
            )
            for row in self._rows(ordered.where(run_result.c.run_fk == record.id))
        ]

    def is_own(self, uid: str, sop_instance_uid: str) -> bool:
        """Whether the model of the run made the instance of the same series, or study, before."""
        this = run.alias("this")
        same = (run.c[each] == this.c[each] for each in _SAME)
        statement = (
            sa.select(run_result.c.run_fk)
            .join(run, run.c.id == run_result.c.run_fk)
            .join(this, sa.and_(*same))
            .where(this.c.uid == uid, run_result.c.sop_instance_uid == sop_instance_uid)
        )
        return bool(self._rows(statement.limit(1)))

    def judge(self, record: RunRecord, verdict: Verdict, *, reviewer: str, note: str) -> None:
        """Add what a person says of a run; earlier words stay."""
        values = {"verdict": verdict, "reviewer": reviewer, "note": note, "made": now()}
        with self._store.begin() as connection:
            connection.execute(review.insert().values(run_fk=record.id, **values))

    def reviews(self, record: RunRecord) -> list[Review]:
        """What people said of a run, oldest first."""
        ordered = sa.select(review).order_by(review.c.id)
        return [
            Review(
                verdict=Verdict(row.verdict), reviewer=row.reviewer, note=row.note, made=row.made
            )
            for row in self._rows(ordered.where(review.c.run_fk == record.id))
        ]

    @staticmethod
    def _key(connection: Connection, uid: str) -> int:
        found: int = connection.execute(sa.select(run.c.id).where(run.c.uid == uid)).scalar_one()
        return found

    def _rows(self, statement: sa.Select[Any]) -> Sequence[Any]:
        with self._store.reading() as connection:
            return connection.execute(statement).all()


def _last_runs(model: OfferedModel) -> sa.Select[Any]:
    """The id of its last run on each series, or study, of those that went well."""
    about = sa.case(
        (run.c.series_instance_uid != "", run.c.series_instance_uid),
        else_=run.c.study_instance_uid,
    ).label("about")
    return (
        sa.select(about, sa.func.max(run.c.id).label("last"))
        .where(run.c.model == model.name, run.c.version == model.version)
        .where(run.c.state.in_([each for each in State if each.went_well]))
        .group_by(about)
    )


def _record(row: Any) -> RunRecord:
    values = {name: getattr(row, name) for name in RunRecord.__slots__}
    return RunRecord(**(values | {"state": State(row.state)}))
