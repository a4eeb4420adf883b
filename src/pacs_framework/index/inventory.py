"""What the index holds, study by study: how much, how old, of what kind, what is said of it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.archive.changes import ARRIVALS
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.index import schema
from pacs_framework.index.correction_book import Book
from pacs_framework.index.mark_book import MarkBook
from pacs_framework.index.removing import undelivered_studies

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection, Row

    from pacs_framework.archive.marks import Subject

__all__ = ["StudyFacts", "studies_held"]

_NONE: frozenset[str] = frozenset()
_patient, _study, _series, _instance = schema.patient, schema.study, schema.series, schema.instance


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """One study of one patient.

    ``size`` is that of its objects in bytes; its first and last instance came in at ``first`` and
    ``last``, in UTC; ``study_date`` is as in the instances. ``sources`` are the calling AE titles
    of all that came in. ``labels`` are its own and those of its patient; it is ``protected`` by
    itself or by its patient. ``delivered`` says that all consumers of the change feed have seen it.
    """

    patient: PatientKey
    study_instance_uid: str
    study_date: str
    instances: int
    size: int
    first: dt.datetime
    last: dt.datetime
    modalities: frozenset[str]
    sources: frozenset[str]
    labels: frozenset[str]
    protected: bool
    delivered: bool


def studies_held(
    connection: Connection,
    *,
    with_sources: bool = False,
    consumers: Collection[str] | None = None,
) -> list[StudyFacts]:
    """Every study, in no order; some hundred bytes of memory for each.

    ``sources`` are read from the whole change feed, and empty unless they are wanted. ``delivered``
    is what ``consumers`` have seen, None for all.
    """
    marks = _Marks(connection)
    modalities = _modalities(connection)
    sources = _sources(connection) if with_sources else {}
    undelivered = undelivered_studies(connection, consumers)
    return [
        _facts(row, marks, modalities, sources, undelivered) for row in connection.execute(_STUDIES)
    ]


_KEY = (
    _study.c.id,
    _study.c.study_instance_uid,
    _study.c.study_date,
    _patient.c.patient_id,
    _patient.c.issuer_of_patient_id,
)
_STUDIES = (
    sa.select(
        *_KEY,
        sa.func.count().label("instances"),
        sa.func.sum(_instance.c.size).label("size"),
        sa.func.min(_instance.c.received).label("first"),
        sa.func.max(_instance.c.received).label("last"),
    )
    .select_from(_instance.join(_series).join(_study).join(_patient))
    .group_by(*_KEY)
)


class _Marks:
    """Labels and protections of everything, by whom they mean now."""

    def __init__(self, connection: Connection) -> None:
        book, marks = Book(connection), MarkBook(connection)

        def meant(subject: Subject) -> str | PatientKey:
            return subject.study if subject.patient is None else book.current(subject.patient)

        self._protected = {meant(each.subject) for each in marks.protections()}
        self._labels: dict[str | PatientKey, set[str]] = defaultdict(set)
        for label in marks.labels():
            self._labels[meant(label.subject)].add(label.name)

    def labels(self, study: str, patient: PatientKey) -> frozenset[str]:
        return frozenset(self._labels.get(study, _NONE) | self._labels.get(patient, _NONE))

    def is_protected(self, study: str, patient: PatientKey) -> bool:
        return study in self._protected or patient in self._protected


def _modalities(connection: Connection) -> Mapping[int, set[str]]:
    """By the row of the study."""
    found: dict[int, set[str]] = defaultdict(set)
    columns = (_series.c.study_fk, _series.c.modality)
    for row_id, modality in connection.execute(sa.select(*columns).distinct()):
        found[row_id].add(modality)
    return found


def _sources(connection: Connection) -> Mapping[str, set[str]]:
    """By Study Instance UID: under which patient it came in may have been corrected since."""
    found: dict[str, set[str]] = defaultdict(set)
    c = schema.change.c
    kinds = sorted(kind.value for kind in ARRIVALS)
    statement = sa.select(c.study_instance_uid, c.calling_aet).where(c.kind.in_(kinds)).distinct()
    for uid, title in connection.execute(statement):
        found[uid].add(title)
    return found


def _facts(
    row: Row[Any],
    marks: _Marks,
    modalities: Mapping[int, set[str]],
    sources: Mapping[str, set[str]],
    undelivered: set[str],
) -> StudyFacts:
    uid = row.study_instance_uid
    patient = PatientKey(patient_id=row.patient_id, issuer=row.issuer_of_patient_id)
    return StudyFacts(
        patient=patient,
        study_instance_uid=uid,
        study_date=row.study_date,
        instances=row.instances,
        size=int(row.size),
        first=row.first.replace(tzinfo=dt.UTC),
        last=row.last.replace(tzinfo=dt.UTC),
        modalities=frozenset(modalities.get(row.id, _NONE)),
        sources=frozenset(sources.get(uid, _NONE)),
        labels=marks.labels(uid, patient),
        protected=marks.is_protected(uid, patient),
        delivered=uid not in undelivered,
    )
