"""A deletion inside its transaction: rows go, changes and the keys of objects are put down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.archive.changes import ARRIVALS, ChangeKind
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.deletions import Deletion, Doomed, Target
from pacs_framework.errors import DeletionRefused, InstanceProtected
from pacs_framework.index import schema
from pacs_framework.index.correction_book import Book
from pacs_framework.index.mark_book import MarkBook
from pacs_framework.index.recorder import ORIGIN_COLUMNS, origin_values
from pacs_framework.index.relocation import prune
from pacs_framework.index.session import CHANNEL

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

    from pacs_framework.archive.incoming import Origin

__all__ = ["DeletionOrder", "Removing", "deletions", "forget_obsolete", "undelivered_studies"]

_PAGE = 500
_patient, _study, _series, _instance = schema.patient, schema.study, schema.series, schema.instance
_TREE = _instance.join(_series).join(_study).join(_patient)
_CHANGE_UIDS = {
    "patient_id": _patient.c.patient_id,
    "issuer_of_patient_id": _patient.c.issuer_of_patient_id,
    "study_instance_uid": _study.c.study_instance_uid,
    "series_instance_uid": _series.c.series_instance_uid,
    "sop_instance_uid": _instance.c.sop_instance_uid,
    "sop_class_uid": _instance.c.sop_class_uid,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionOrder:
    """What is to be deleted, and what is kept of who wants it.

    ``delivered_only`` refuses while a consumer of the change feed has not seen all that goes,
    ``idle_since`` where something of it came in later than that.
    """

    target: Target
    by: str
    reason: str
    origin: Origin
    delivered_only: bool
    idle_since: dt.datetime | None


class Removing:
    """Deletions, seen through one connection; what writes needs the write lock.

    ``consumers`` of the change feed are those that have to have seen what goes; None for all.
    """

    def __init__(self, connection: Connection, consumers: Collection[str] | None = None) -> None:
        self._connection = connection
        self._consumers = consumers

    def look(self, target: Target) -> Doomed | None:
        """What would go; None where nothing is like that."""
        found = self._affected(self._condition(target))
        return self._doomed(found) if found else None

    def delete(self, order: DeletionOrder) -> tuple[Deletion, list[str]] | None:
        """Take the rows out; the keys of the objects, which are put down as obsolete.

        None where nothing is like that. Raises `DeletionRefused`.
        """
        condition = self._condition(order.target)
        found = self._affected(condition)
        if not found:
            return None
        doomed = self._doomed(found)
        if doomed.protected:
            raise InstanceProtected(
                f"{' and '.join(doomed.protected)} must be kept; `pacs protect list` tells "
                f"why, `pacs protect remove` lets it go"
            )
        _require_idle(found, order.idle_since)
        if order.delivered_only:
            self._require_delivered(order.target, found)
        moment = dt.datetime.now(dt.UTC)
        self._announce(condition, moment, order.origin)
        keys = self._give_up(condition)
        self._remove(condition, found)
        return self._put_down(order, doomed, moment), keys

    def _condition(self, target: Target) -> ColumnElement[bool]:
        wanted: list[ColumnElement[bool]] = []
        if target.patient is not None:
            key = Book(self._connection).current(target.patient)
            wanted.append(_patient.c.patient_id == key.patient_id)
            wanted.append(_patient.c.issuer_of_patient_id == key.issuer)
        for column, value in (
            (_study.c.study_instance_uid, target.study),
            (_series.c.series_instance_uid, target.series),
            (_instance.c.sop_instance_uid, target.instance),
            (_instance.c.version, target.version),
        ):
            if value:
                wanted.append(column == value)
        return sa.and_(*wanted)

    def _affected(self, condition: ColumnElement[bool]) -> Sequence[Row[Any]]:
        """Every series that loses instances, with its parents and what it loses."""
        columns = (
            _series.c.id,
            _series.c.study_fk,
            _study.c.patient_fk,
            _study.c.study_instance_uid,
            _patient.c.patient_id,
            _patient.c.issuer_of_patient_id,
        )
        statement = (
            sa.select(
                *columns,
                sa.func.count().label("instances"),
                sa.func.sum(_instance.c.size).label("size"),
                sa.func.max(_instance.c.received).label("last"),
            )
            .select_from(_TREE)
            .where(condition)
            .group_by(*columns)
        )
        return self._connection.execute(statement).all()

    def _doomed(self, found: Sequence[Row[Any]]) -> Doomed:
        marks = MarkBook(self._connection)
        patients = {
            PatientKey(patient_id=row.patient_id, issuer=row.issuer_of_patient_id) for row in found
        }
        studies = {row.study_instance_uid for row in found}
        return Doomed(
            patients=len({row.patient_fk for row in found}),
            studies=len({row.study_fk for row in found}),
            series=len(found),
            instances=sum(row.instances for row in found),
            size=sum(int(row.size) for row in found),
            protected=marks.protected_among(studies, patients),
        )

    def _require_delivered(self, target: Target, found: Sequence[Row[Any]]) -> None:
        c = schema.change.c
        column, uids = c.study_instance_uid, sorted({row.study_instance_uid for row in found})
        if target.instance:
            column, uids = c.sop_instance_uid, [target.instance]
        slowest = _slowest(self._connection, self._consumers)
        if slowest is None:
            return
        for start in range(0, len(uids), _PAGE):
            pending = _arrivals_after(slowest.sequence)
            pending = pending.where(column.in_(uids[start : start + _PAGE]))
            if self._connection.execute(pending.limit(1)).first() is not None:
                raise DeletionRefused(
                    f"the consumer {slowest.consumer!r} of the change feed has not seen all of "
                    f"what is to go; try again later"
                )

    def _announce(self, condition: ColumnElement[bool], at: dt.datetime, origin: Origin) -> None:
        """A change for each instance; other nodes hear of it at the commit."""
        c = schema.change.c
        origins = dict(zip(ORIGIN_COLUMNS, origin_values(origin), strict=True))
        said = {"kind": ChangeKind.DELETED.value, "at": at.replace(tzinfo=None), **origins}
        values = {
            **{name: sa.literal(value, c[name].type) for name, value in said.items()},
            **_CHANGE_UIDS,
        }
        rows = sa.select(*values.values()).select_from(_TREE).where(condition)
        rows = rows.order_by(_instance.c.id)
        self._connection.execute(sa.insert(schema.change).from_select(list(values), rows))
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))

    def _give_up(self, condition: ColumnElement[bool]) -> list[str]:
        keys = sa.select(_instance.c.storage_key).select_from(_TREE).where(condition)
        self._connection.execute(sa.insert(schema.obsolete).from_select(["storage_key"], keys))
        return list(self._connection.scalars(keys.order_by(_instance.c.id)))

    def _remove(self, condition: ColumnElement[bool], found: Sequence[Row[Any]]) -> None:
        # As a subquery of its own, or the statement would take its table for the one it deletes.
        doomed = sa.select(_instance.c.id).select_from(_TREE).where(condition).subquery()
        self._connection.execute(
            sa.delete(_instance).where(_instance.c.id.in_(sa.select(doomed.c.id)))
        )
        prune(self._connection, {(row.id, row.study_fk, row.patient_fk) for row in found})

    def _put_down(self, order: DeletionOrder, doomed: Doomed, at: dt.datetime) -> Deletion:
        target, table = order.target, schema.deletion
        door = origin_values(order.origin)[ORIGIN_COLUMNS.index("door")]
        statement = (
            sa.insert(table)
            .values(
                at=at.replace(tzinfo=None),
                by=order.by,
                reason=order.reason,
                door=door,
                patient_id=target.patient.patient_id if target.patient else None,
                issuer_of_patient_id=target.patient.issuer if target.patient else None,
                study_instance_uid=target.study,
                series_instance_uid=target.series,
                sop_instance_uid=target.instance,
                studies=doomed.studies,
                series=doomed.series,
                instances=doomed.instances,
                size=doomed.size,
            )
            .returning(table)
        )
        return _deletion(self._connection.execute(statement).one())


def _require_idle(found: Sequence[Row[Any]], since: dt.datetime | None) -> None:
    if since is None:
        return
    last = max(row.last for row in found)
    if last.replace(tzinfo=dt.UTC) > since:
        raise DeletionRefused("something of what is to go has just come in; try again later")


def deletions(connection: Connection, limit: int) -> list[Deletion]:
    """The last ``limit`` deletions, newest first."""
    table = schema.deletion
    statement = sa.select(table).order_by(table.c.sequence.desc()).limit(limit)
    return [_deletion(row) for row in connection.execute(statement)]


def forget_obsolete(connection: Connection, storage_keys: Sequence[str]) -> None:
    """These objects are gone: nothing has to be deleted any more."""
    column = schema.obsolete.c.storage_key
    for start in range(0, len(storage_keys), _PAGE):
        some = storage_keys[start : start + _PAGE]
        connection.execute(sa.delete(schema.obsolete).where(column.in_(some)))


def undelivered_studies(
    connection: Connection, consumers: Collection[str] | None = None
) -> set[str]:
    """Studies of which one of ``consumers`` (None: any) has not seen all that came in."""
    slowest = _slowest(connection, consumers)
    if slowest is None:
        return set()
    c = schema.change.c
    ahead = _arrivals_after(slowest.sequence, c.study_instance_uid)
    return set(connection.scalars(ahead.distinct()))


def _slowest(connection: Connection, consumers: Collection[str] | None) -> Row[str, int] | None:
    """The consumer that is farthest behind; None where there is none."""
    c = schema.cursor.c
    statement = sa.select(c.consumer, c.sequence).order_by(c.sequence).limit(1)
    if consumers is not None:
        statement = statement.where(c.consumer.in_(sorted(consumers)))
    return connection.execute(statement).first()


def _arrivals_after(sequence: int, *columns: sa.Column[Any]) -> sa.Select[Any]:
    c = schema.change.c
    kinds = sorted(kind.value for kind in ARRIVALS)
    return sa.select(*(columns or (c.sequence,))).where(c.sequence > sequence, c.kind.in_(kinds))


def _deletion(row: Row[Any]) -> Deletion:
    patient = None
    if row.patient_id is not None:
        patient = PatientKey(patient_id=row.patient_id, issuer=row.issuer_of_patient_id)
    return Deletion(
        number=row.sequence,
        at=row.at.replace(tzinfo=dt.UTC),
        by=row.by,
        reason=row.reason,
        door=row.door,
        target=Target(
            patient=patient,
            study=row.study_instance_uid,
            series=row.series_instance_uid,
            instance=row.sop_instance_uid,
        ),
        studies=row.studies,
        series=row.series,
        instances=row.instances,
        size=row.size,
    )
