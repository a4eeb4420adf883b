"""The corrections of patients as rows: reading them, and adding one inside a transaction."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.archive.changes import ChangeKind
from pacs_framework.archive.corrections import Correction, CorrectionKind, PatientKey
from pacs_framework.index import schema
from pacs_framework.index.recorder import ORIGIN_COLUMNS, origin_values
from pacs_framework.index.session import CHANNEL

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row, Table

    from pacs_framework.archive.incoming import Origin

__all__ = ["Book", "CorrectedPatient", "CorrectionLabel", "Draft"]

_log_table = schema.patient_correction
_state = schema.corrected_patient
_CHANGE_OF = {
    CorrectionKind.UPDATE: ChangeKind.PATIENT_UPDATED,
    CorrectionKind.MERGE: ChangeKind.PATIENT_MERGED,
    CorrectionKind.CHANGE_ID: ChangeKind.PATIENT_MERGED,
    CorrectionKind.UNMERGE: ChangeKind.PATIENT_UNMERGED,
    CorrectionKind.LINK: ChangeKind.PATIENT_LINKED,
    CorrectionKind.UNLINK: ChangeKind.PATIENT_UNLINKED,
}
_OF_BOTH = (CorrectionKind.LINK, CorrectionKind.UNLINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedPatient:
    """What holds of one key: ``into`` whom it is merged, else its ``demographics``.

    ``number`` is that of the correction that wrote this.
    """

    row_id: int
    key: PatientKey
    into: PatientKey | None
    demographics: Mapping[str, str]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A correction that is about to be added (see `Correction`)."""

    kind: CorrectionKind
    patient: PatientKey
    into: PatientKey | None
    by: str
    reason: str
    before: Mapping[str, str]
    after: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionLabel:
    """Who corrects, why, and by which door."""

    by: str
    reason: str
    origin: Origin


class Book:
    """The corrections, seen through one connection; what writes needs the write lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_empty(self) -> bool:
        """Whether nothing was ever corrected."""
        statement = sa.select(_log_table.c.sequence).limit(1)
        return self._connection.scalar(statement) is None

    def find(self, key: PatientKey) -> CorrectedPatient | None:
        """What holds of ``key`` itself, without going on to whom it is merged into."""
        row = self._connection.execute(sa.select(_state).where(_is(_state, key))).first()
        return _corrected(row) if row is not None else None

    def current(self, key: PatientKey) -> PatientKey:
        """The patient that ``key`` means now: itself, or whom it was merged into in the end."""
        found = self.find(key)
        while found is not None and found.into is not None:
            key = found.into
            found = self.find(key)
        return key

    def merged_into(self, key: PatientKey) -> list[CorrectedPatient]:
        """Whatever was merged into ``key``, directly or through others."""
        found: list[CorrectedPatient] = []
        pending = [key]
        while pending:
            into = pending.pop()
            c = _state.c
            rows = self._connection.execute(
                sa.select(_state)
                .where(
                    c.into_patient_id == into.patient_id, c.into_issuer_of_patient_id == into.issuer
                )
                .order_by(c.id)
            )
            direct = [_corrected(row) for row in rows]
            found += direct
            pending += [each.key for each in direct]
        return found

    def all(self) -> list[CorrectedPatient]:
        """Every key that a correction was about, in the order of their first ones."""
        rows = self._connection.execute(sa.select(_state).order_by(_state.c.id))
        return [_corrected(row) for row in rows]

    def correction(self, number: int) -> Correction:
        """The correction of this number, which exists."""
        statement = sa.select(_log_table).where(_log_table.c.sequence == number)
        return _correction(self._connection.execute(statement).one())

    def history(self, keys: Collection[PatientKey] | None = None) -> Iterator[Correction]:
        """The corrections about ``keys``, oldest first; all of them for None."""
        statement = sa.select(_log_table).order_by(_log_table.c.sequence)
        if keys is not None:
            about = [sa.or_(_is(_log_table, key), _is_into(key)) for key in keys]
            statement = statement.where(sa.or_(sa.false(), *about))
        for row in self._connection.execute(statement):
            yield _correction(row)

    def add(self, draft: Draft, origin: Origin) -> Correction:
        """Put a correction down, and its change in the feed."""
        at = dt.datetime.now(dt.UTC)
        into = draft.into
        values = {
            **_key_columns(draft.patient, into),
            "kind": draft.kind.value,
            "at": at.replace(tzinfo=None),
            "by": draft.by,
            "reason": draft.reason,
            "before": _json(draft.before),
            "after": _json(draft.after),
        }
        statement = sa.insert(_log_table).values(values).returning(_log_table.c.sequence)
        number = int(self._connection.execute(statement).scalar_one())
        self._announce(draft.kind, draft.patient, at, origin)
        if into is not None and draft.kind in _OF_BOTH:
            self._announce(draft.kind, into, at, origin)
        return Correction(
            number=number,
            kind=draft.kind,
            at=at,
            patient=draft.patient,
            into=into,
            by=draft.by,
            reason=draft.reason,
            before=draft.before,
            after=draft.after,
        )

    def write(
        self,
        key: PatientKey,
        *,
        into: PatientKey | None,
        demographics: Mapping[str, str],
        number: int,
    ) -> int:
        """Make this what holds of ``key``; the id of its row."""
        values = {
            **_key_columns(key, into),
            "demographics": _json(demographics),
            "sequence": number,
        }
        present = self.find(key)
        if present is None:
            statement = sa.insert(_state).values(values).returning(_state.c.id)
            return int(self._connection.execute(statement).scalar_one())
        self._connection.execute(
            sa.update(_state).where(_state.c.id == present.row_id).values(values)
        )
        return present.row_id

    def _announce(
        self, kind: CorrectionKind, patient: PatientKey, at: dt.datetime, origin: Origin
    ) -> None:
        """A row of the change feed; other nodes hear of it at the commit."""
        origins = dict(zip(ORIGIN_COLUMNS, origin_values(origin), strict=True))
        self._connection.execute(
            sa.insert(schema.change).values(
                kind=_CHANGE_OF[kind].value,
                at=at.replace(tzinfo=None),
                patient_id=patient.patient_id,
                issuer_of_patient_id=patient.issuer,
                study_instance_uid="",
                series_instance_uid="",
                sop_instance_uid="",
                sop_class_uid="",
                **origins,
            )
        )
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))


def _is(table: Table, key: PatientKey) -> ColumnElement[bool]:
    c = table.c
    return sa.and_(c.patient_id == key.patient_id, c.issuer_of_patient_id == key.issuer)


def _is_into(key: PatientKey) -> ColumnElement[bool]:
    c = _log_table.c
    return sa.and_(c.into_patient_id == key.patient_id, c.into_issuer_of_patient_id == key.issuer)


def _key_columns(key: PatientKey, into: PatientKey | None) -> dict[str, str | None]:
    return {
        "patient_id": key.patient_id,
        "issuer_of_patient_id": key.issuer,
        "into_patient_id": into.patient_id if into else None,
        "into_issuer_of_patient_id": into.issuer if into else None,
    }


def _json(values: Mapping[str, str]) -> str:
    return json.dumps(dict(values), ensure_ascii=False)


def _keys_of(row: Row[Any]) -> tuple[PatientKey, PatientKey | None]:
    key = PatientKey(patient_id=row.patient_id, issuer=row.issuer_of_patient_id)
    if row.into_patient_id is None:
        return key, None
    return key, PatientKey(patient_id=row.into_patient_id, issuer=row.into_issuer_of_patient_id)


def _corrected(row: Row[Any]) -> CorrectedPatient:
    key, into = _keys_of(row)
    return CorrectedPatient(
        row_id=row.id,
        key=key,
        into=into,
        demographics=json.loads(row.demographics),
        number=row.sequence,
    )


def _correction(row: Row[Any]) -> Correction:
    key, into = _keys_of(row)
    return Correction(
        number=row.sequence,
        kind=CorrectionKind(row.kind),
        at=row.at.replace(tzinfo=dt.UTC),
        patient=key,
        into=into,
        by=row.by,
        reason=row.reason,
        before=json.loads(row.before),
        after=json.loads(row.after),
    )
