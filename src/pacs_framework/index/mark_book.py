"""Protections and labels as rows: reading them, and changing them inside a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.marks import Label, Protection, Subject
from pacs_framework.index import schema
from pacs_framework.index.correction_book import Book
from pacs_framework.index.known_patients import is_known

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row, Table

__all__ = ["MarkBook"]

_PAGE = 500
_protection, _label = schema.protection, schema.label


class MarkBook:
    """What is said of patients and studies, seen through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._book = Book(connection)

    def is_known(self, subject: Subject) -> bool:
        """Whether the archive has the study, or knows the patient."""
        if subject.patient is not None:
            return is_known(self._connection, self._book.current(subject.patient))
        c = schema.study.c
        statement = sa.select(c.id).where(c.study_instance_uid == subject.study).limit(1)
        return self._connection.scalar(statement) is not None

    # --- protections ------------------------------------------------------------------------

    def protect(self, subject: Subject, by: str, reason: str) -> bool:
        """False where it is protected already."""
        if self._find(_protection, subject) is not None:
            return False
        values = {**_columns(subject), "since": _now(), "by": by, "reason": reason}
        self._connection.execute(sa.insert(_protection).values(values))
        return True

    def unprotect(self, subject: Subject) -> bool:
        """For all the keys that mean this patient now; False where nothing was protected."""
        gone = sa.delete(_protection).where(self._about(_protection, subject))
        return bool(self._connection.execute(gone).rowcount)

    def protections(self) -> list[Protection]:
        """All of them, in the order in which they were made."""
        rows = self._connection.execute(sa.select(_protection).order_by(_protection.c.id))
        return [
            Protection(subject=_subject(row), since=_utc(row.since), by=row.by, reason=row.reason)
            for row in rows
        ]

    def protected_among(
        self, studies: Collection[str], patients: Collection[PatientKey]
    ) -> tuple[str, ...]:
        """What of this is protected, for people: studies by their UIDs, patients without names.

        ``patients`` are those that instances are filed under now.
        """
        column = _protection.c.study_instance_uid
        uids = sorted(studies)
        found: list[str] = []
        for start in range(0, len(uids), _PAGE):
            statement = sa.select(column).where(column.in_(uids[start : start + _PAGE]))
            found += self._connection.scalars(statement.order_by(column))
        told = [f"the protected study {uid!r}" for uid in found]
        if any(self._find(_protection, Subject(patient=key)) is not None for key in patients):
            told.append("a protected patient")
        return tuple(told)

    # --- labels -----------------------------------------------------------------------------

    def label(self, subject: Subject, name: str, by: str) -> bool:
        """False where it has the label already."""
        if self._find(_label, subject, _label.c.name == name) is not None:
            return False
        values = {**_columns(subject), "name": name, "since": _now(), "by": by}
        self._connection.execute(sa.insert(_label).values(values))
        return True

    def unlabel(self, subject: Subject, name: str) -> bool:
        """For all the keys that mean this patient now; False where it had no such label."""
        about = self._about(_label, subject)
        gone = sa.delete(_label).where(about, _label.c.name == name)
        return bool(self._connection.execute(gone).rowcount)

    def labels(self, subject: Subject | None = None, name: str | None = None) -> list[Label]:
        """All of them, those of one subject, or those of one name; in the order they were made."""
        statement = sa.select(_label).order_by(_label.c.id)
        if subject is not None:
            statement = statement.where(self._about(_label, subject))
        if name is not None:
            statement = statement.where(_label.c.name == name)
        return [
            Label(subject=_subject(row), name=row.name, since=_utc(row.since), by=row.by)
            for row in self._connection.execute(statement)
        ]

    # --- rows -------------------------------------------------------------------------------

    def _find(self, table: Table, subject: Subject, *more: ColumnElement[bool]) -> int | None:
        statement = sa.select(table.c.id).where(self._about(table, subject), *more).limit(1)
        found: int | None = self._connection.scalar(statement)
        return found

    def _about(self, table: Table, subject: Subject) -> ColumnElement[bool]:
        """Rows of the study; or of the patient, by whatever key he was named."""
        c = table.c
        if subject.patient is None:
            return sa.and_(c.study_instance_uid == subject.study)
        current = self._book.current(subject.patient)
        keys = [current, *(each.key for each in self._book.merged_into(current))]
        return sa.and_(
            c.study_instance_uid == "",
            sa.or_(
                *(
                    sa.and_(c.patient_id == key.patient_id, c.issuer_of_patient_id == key.issuer)
                    for key in keys
                )
            ),
        )


def _columns(subject: Subject) -> dict[str, str]:
    patient = subject.patient
    return {
        "study_instance_uid": subject.study,
        "patient_id": patient.patient_id if patient else "",
        "issuer_of_patient_id": patient.issuer if patient else "",
    }


def _subject(row: Row[Any]) -> Subject:
    if row.study_instance_uid:
        return Subject(study=row.study_instance_uid)
    return Subject(patient=PatientKey(patient_id=row.patient_id, issuer=row.issuer_of_patient_id))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC)
