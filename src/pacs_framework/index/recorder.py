"""Writing a batch of entries inside a transaction: instances, their parents, their changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from pacs_framework.archive.changes import ChangeKind
from pacs_framework.dicom.attributes import Level, indexed_at
from pacs_framework.errors import DuplicateInstance
from pacs_framework.index import schema
from pacs_framework.index.entry import DuplicatePolicy, Entry, Stored, StoredAs
from pacs_framework.index.filing import Filing
from pacs_framework.index.parents import Parents
from pacs_framework.index.prepared import Cursor, Prepared
from pacs_framework.index.protected_series import ProtectedSeries

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Dialect

    from pacs_framework.archive.incoming import Origin

__all__ = ["LARGEST_BATCH", "ORIGIN_COLUMNS", "Recorder", "origin_values"]


def _getter(keywords: Iterable[str]) -> Callable[[Mapping[str, str]], tuple[str, ...]]:
    """The values of several attributes, in order."""
    return cast("Callable[[Mapping[str, str]], tuple[str, ...]]", itemgetter(*keywords))


_BATCH_SIZES = (1, 4, 16, 64)  # the look-up of duplicates is prepared for these many at once
LARGEST_BATCH = _BATCH_SIZES[-1]

# Rows are made in the order of the columns, without names: a third of the time of recording.
_INSTANCE_COLUMNS = (
    "series_fk",
    *(attribute.column for attribute in indexed_at(Level.IMAGE)),
    "transfer_syntax_uid",
    "storage_key",
    "version",
    "dataset_offset",
    "size",
    "prefix_digest",
    "dataset_digest",
    "received",
    "source_aet",
)
_CHANGE_UIDS = (
    ("patient_id", "PatientID"),
    ("issuer_of_patient_id", "IssuerOfPatientID"),
    ("study_instance_uid", "StudyInstanceUID"),
    ("series_instance_uid", "SeriesInstanceUID"),
    ("sop_instance_uid", "SOPInstanceUID"),
    ("sop_class_uid", "SOPClassUID"),
)
ORIGIN_COLUMNS = ("door", "calling_aet", "called_aet", "address", "association_id", "tls_subject")
_CHANGE_COLUMNS = ("kind", "at", *(column for column, _ in _CHANGE_UIDS), *ORIGIN_COLUMNS)
_image_values = _getter(attribute.keyword for attribute in indexed_at(Level.IMAGE))
_change_uids = _getter(keyword for _, keyword in _CHANGE_UIDS)

_NEW = Stored(outcome=StoredAs.NEW)
# The row is the entry's own: its commit was carried out before, but not answered.
_KNOWN = Stored(outcome=StoredAs.NEW)

Outcome = Stored | DuplicateInstance


class Recorder:
    """The statements that record entries, and what this process knows of their parents."""

    def __init__(self, dialect: Dialect) -> None:
        self._parents = Parents(dialect)
        self._filing = Filing(dialect)
        self._find = {size: _find_existing(size, dialect) for size in _BATCH_SIZES}
        self._insert = _insert(schema.instance, _INSTANCE_COLUMNS, dialect)
        self._insert_change = _insert(schema.change, _CHANGE_COLUMNS, dialect)
        self._insert_obsolete = Prepared(sa.insert(schema.obsolete).inline(), dialect)
        self._remove = _Removal(dialect)
        self._protected = ProtectedSeries(dialect)

    def record(
        self, cursor: Cursor, entries: Sequence[Entry], *, announce: bool = True
    ) -> list[Outcome]:
        """Write ``entries``, each of another SOP Instance UID; one outcome for each, in order.

        An outcome counts only when the transaction is committed; after a rollback call `forget`.
        ``announce=False`` writes no changes: for an index that is made anew.
        """
        if self._filing.changed(cursor):
            self._parents.forget()
        entries, recorded = self._filing.file(cursor, entries)
        existing = self._existing(cursor, [e.attributes["SOPInstanceUID"] for e in entries])
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        # Replacing removes parents that it empties, so it comes before anyone builds on them.
        outcomes: list[Outcome] = [_NEW] * len(entries)
        if existing:
            outcomes = [self._again(cursor, entry, existing) for entry in entries]
        new = [
            (entry, outcome)
            for entry, outcome in zip(entries, outcomes, strict=True)
            if outcome is _NEW or (isinstance(outcome, Stored) and outcome.superseded_key)
        ]
        self._insert.run_rows(cursor, [self._row(cursor, entry) for entry, _ in new])
        if recorded:
            uids = (entry.attributes["SOPInstanceUID"] for entry, _ in new)
            self._filing.note(cursor, recorded, uids)
        if announce:
            change = self._insert_change.row
            rows = [change(_change_values(entry, outcome, now)) for entry, outcome in new]
            self._insert_change.run_rows(cursor, rows)
        return outcomes

    def forget(self) -> None:
        """Believe nothing about the rows in the database."""
        self._parents.forget()
        self._filing.forget()

    def _existing(self, cursor: Cursor, uids: list[str]) -> dict[str, Any]:
        """The rows that have one of ``uids``, by UID."""
        size = next(size for size in _BATCH_SIZES if size >= len(uids))
        padded = uids + uids[-1:] * (size - len(uids))
        cursor.execute(self._find[size].sql, padded)
        return {row[1]: row for row in cursor.fetchall()}

    def _row(self, cursor: Cursor, entry: Entry) -> tuple[Any, ...]:
        """The row of an instance, its parents made."""
        attributes = entry.attributes
        values = (
            self._parents.series_of(cursor, attributes),
            *_image_values(attributes),
            entry.transfer_syntax_uid,
            entry.storage_key,
            entry.version,
            entry.dataset_offset,
            entry.size,
            entry.prefix_digest,
            entry.dataset_digest,
            entry.received.replace(tzinfo=None),
            entry.source_aet,
        )
        return self._insert.row(values)

    def _again(self, cursor: Cursor, entry: Entry, existing: dict[str, Any]) -> Outcome:
        """What becomes of an entry, its UID perhaps there already, by the policy of its door."""
        found = existing.get(entry.attributes["SOPInstanceUID"])
        if found is None:
            return _NEW
        _, uid, _, storage_key, digest, transfer_syntax_uid = found
        if storage_key == entry.storage_key:
            return _KNOWN
        if entry.duplicates is DuplicatePolicy.REJECT:
            return DuplicateInstance(
                f"SOP Instance UID {uid!r} exists and the duplicate policy is 'reject'"
            )
        same = bytes(digest) == entry.dataset_digest
        if same and transfer_syntax_uid == entry.transfer_syntax_uid:
            return Stored(outcome=StoredAs.IDENTICAL)
        if entry.duplicates is DuplicatePolicy.IGNORE:
            return Stored(outcome=StoredAs.IGNORED)
        return self._replaced(cursor, found)

    def _replaced(self, cursor: Cursor, found: Any) -> Outcome:
        """Take the instance out, unless it has to be kept."""
        row_id, uid, series_id, storage_key, *_ = found
        if self._protected.holds(cursor, series_id):
            return DuplicateInstance(
                f"protected from being replaced: SOP Instance UID {uid!r} exists; "
                "`pacs protect list` tells why"
            )
        self._insert_obsolete.run(cursor, {"storage_key": storage_key})
        self._remove.remove(cursor, row_id, series_id)
        self._parents.forget()
        return Stored(outcome=StoredAs.REPLACED, superseded_key=storage_key)


class _Removal:
    """Removes an instance, and the parents that it leaves without children."""

    def __init__(self, dialect: Dialect) -> None:
        self._instance = Prepared(
            sa.delete(schema.instance).where(schema.instance.c.id == sa.bindparam("row_id")),
            dialect,
        )
        patient, study, series = schema.patient, schema.study, schema.series
        self._series = _delete_childless(series, schema.instance.c.series_fk, "study_fk", dialect)
        self._study = _delete_childless(study, series.c.study_fk, "patient_fk", dialect)
        self._patient = _delete_childless(patient, study.c.patient_fk, "id", dialect)

    def remove(self, cursor: Cursor, row_id: int, series_id: int) -> None:
        """The instance, its series, study and patient, as far up as nothing is left below."""
        self._instance.run(cursor, {"row_id": row_id})
        row_id = series_id
        for statement in (self._series, self._study, self._patient):
            statement.run(cursor, {"row_id": row_id})
            gone = cursor.fetchall()
            if not gone:
                return
            row_id = gone[0][0]


def _insert(table: Table, columns: Sequence[str], dialect: Dialect) -> Prepared:
    prepared = Prepared(sa.insert(table).inline(), dialect, column_keys=columns)
    assert prepared.names == tuple(columns), "the order of the columns is that of the schema"
    return prepared


def _find_existing(size: int, dialect: Dialect) -> Prepared:
    c = schema.instance.c
    uids = [sa.bindparam(f"uid_{n}", type_=c.sop_instance_uid.type) for n in range(size)]
    statement = sa.select(
        c.id,
        c.sop_instance_uid,
        c.series_fk,
        c.storage_key,
        c.dataset_digest,
        c.transfer_syntax_uid,
    ).where(c.sop_instance_uid.in_(uids))
    return Prepared(statement, dialect)


def _delete_childless(
    table: Table, child_key: sa.Column[Any], answer: str, dialect: Dialect
) -> Prepared:
    children = sa.select(sa.literal_column("1")).where(child_key == table.c.id).exists()
    statement = (
        sa.delete(table)
        .where(table.c.id == sa.bindparam("row_id"), ~children)
        .returning(table.c[answer])
    )
    return Prepared(statement, dialect)


def _change_values(entry: Entry, outcome: Outcome, now: dt.datetime) -> tuple[Any, ...]:
    """The row of the change feed that tells of a new or replaced instance."""
    kind = ChangeKind.STORED if outcome is _NEW else ChangeKind.REPLACED
    return (kind.value, now, *_change_uids(entry.attributes), *origin_values(entry.origin))


@lru_cache(maxsize=1024)
def origin_values(origin: Origin) -> tuple[str, ...]:
    """The columns of an origin, cut to what they hold; all instances of an association share it."""
    columns = schema.change.c
    values: list[str] = []
    for name in ORIGIN_COLUMNS:
        text = str(getattr(origin, name)).replace("\0", "\ufffd")
        values.append(text[: cast("sa.String", columns[name].type).length])
    return tuple(values)
