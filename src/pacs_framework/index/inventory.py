"""What the index holds, study by study: how much, how old, of what kind, what is said of it."""

from __future__ import annotations

import datetime as dt
import threading
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

__all__ = ["Sources", "StudyFacts", "studies_held"]

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
    sources: Sources | None = None,
    consumers: Collection[str] | None = None,
) -> list[StudyFacts]:
    """Every study, in no order; some hundred bytes of memory for each.

    Their ``sources`` are empty unless they are wanted. ``delivered`` is what ``consumers`` have
    seen, None for all.
    """
    marks = _Marks(connection)
    modalities = _modalities(connection)
    by_study = sources.read(connection) if sources is not None else {}
    undelivered = undelivered_studies(connection, consumers)
    return [
        _facts(row, marks, modalities, by_study, undelivered)
        for row in connection.execute(_STUDIES)
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


class Sources:
    """Who sent instances of each study, as the change feed tells.

    The first look reads all of the feed, each further one what has come in since. Safe to use from
    many threads.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._found: dict[str, frozenset[str]] = {}
        self._shared: dict[frozenset[str], frozenset[str]] = {}  # the same few for all studies
        self._upto = 0

    def read(self, connection: Connection) -> Mapping[str, frozenset[str]]:
        """Calling AE titles by Study Instance UID; not by patient, who may be another by now."""
        with self._mutex:
            # Asked first: what is committed in between is behind it, and comes the next time.
            newest = connection.scalar(sa.select(sa.func.max(schema.change.c.sequence))) or 0
            for uid, title in connection.execute(_arrivals(self._upto, newest)):
                titles = self._found.get(uid, _NONE) | {title}
                self._found[uid] = self._shared.setdefault(titles, titles)
            self._upto = newest
            return dict(self._found)


def _arrivals(after: int, upto: int) -> sa.Select[str, str]:
    c = schema.change.c
    kinds = sorted(kind.value for kind in ARRIVALS)
    return (
        sa.select(c.study_instance_uid, c.calling_aet)
        .where(c.sequence > after, c.sequence <= upto, c.kind.in_(kinds))
        .distinct()
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


def _facts(
    row: Row[Any],
    marks: _Marks,
    modalities: Mapping[int, set[str]],
    sources: Mapping[str, frozenset[str]],
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
        sources=sources.get(uid, _NONE),
        labels=marks.labels(uid, patient),
        protected=marks.is_protected(uid, patient),
        delivered=uid not in undelivered,
    )
