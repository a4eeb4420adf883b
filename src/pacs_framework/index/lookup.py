"""Reading single instances back, and all of them page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from pacs_framework.index import schema
from pacs_framework.index.database import Database, unavailable
from pacs_framework.index.prepared import Prepared

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

__all__ = ["IndexedInstance", "Lookup"]

_PAGE = 500
_SIZES = (1, 32, _PAGE)  # how many UIDs a statement asks for, so that it is compiled once


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedInstance:
    """What the index knows of one instance and its object (see `pacs_framework.index.schema`).

    ``size`` counts the bytes of the object, of which ``dataset_offset`` stand before the data set.
    """

    patient_id: str
    issuer_of_patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    storage_key: str
    version: str
    dataset_offset: int
    size: int
    prefix_digest: bytes
    dataset_digest: bytes
    received: dt.datetime


_i = schema.instance.c
_SELECT = sa.select(
    schema.patient.c.patient_id,
    schema.patient.c.issuer_of_patient_id,
    schema.study.c.study_instance_uid,
    schema.series.c.series_instance_uid,
    _i.sop_instance_uid,
    _i.sop_class_uid,
    _i.transfer_syntax_uid,
    _i.storage_key,
    _i.version,
    _i.dataset_offset,
    _i.size,
    _i.prefix_digest,
    _i.dataset_digest,
    _i.received,
    _i.id,
).select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))


class Lookup:
    """Single look-ups in one index. Every method raises `IndexUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._with_uids: dict[int, Prepared] = {}

    def instance(self, sop_instance_uid: str) -> IndexedInstance | None:
        """The instance of this UID, if it is in the index."""
        rows = self._rows(_SELECT.where(_i.sop_instance_uid == sop_instance_uid))
        return _instance(rows[0]) if rows else None

    def instances(self, study_instance_uid: str = "") -> Iterator[IndexedInstance]:
        """Every instance, of the archive or of a study, in the order of its row.

        A page of them is in memory at a time.
        """
        of_study = schema.study.c.study_instance_uid == study_instance_uid
        selected = _SELECT.where(of_study) if study_instance_uid else _SELECT
        last = 0
        while rows := self._rows(selected.where(_i.id > last).order_by(_i.id).limit(_PAGE)):
            yield from map(_instance, rows)
            last = rows[-1].id

    def count(self) -> int:
        """How many instances there are."""
        return int(self._rows(sa.select(sa.func.count()).select_from(schema.instance))[0][0])

    def count_of_study(self, study_instance_uid: str) -> int:
        """How many instances a study has, whichever patients they are filed under."""
        joined = schema.instance.join(schema.series).join(schema.study)
        of_study = schema.study.c.study_instance_uid == study_instance_uid
        statement = sa.select(sa.func.count()).select_from(joined).where(of_study)
        return int(self._rows(statement)[0][0])

    def named(self, storage_keys: Iterable[str]) -> set[str]:
        """Which of ``storage_keys`` the index names, by what is committed now."""
        keys = list(storage_keys)
        return {
            row[0]
            for start in range(0, len(keys), _PAGE)
            for row in self._rows(
                sa.select(_i.storage_key).where(_i.storage_key.in_(keys[start : start + _PAGE]))
            )
        }

    def present(self, sop_instance_uids: Iterable[str]) -> set[str]:
        """Which of ``sop_instance_uids`` are in the index."""
        uids = list(sop_instance_uids)
        found: set[str] = set()
        for start in range(0, len(uids), _PAGE):
            found.update(self._present(uids[start : start + _PAGE]))
        return found

    def _present(self, uids: list[str]) -> list[str]:
        size = next(each for each in _SIZES if each >= len(uids))
        prepared = self._with_uids.get(size)
        if prepared is None:
            prepared = Prepared(_with_uids(size), self._database.dialect)
            self._with_uids[size] = prepared
        values = prepared.row(uids + uids[-1:] * (size - len(uids)))
        with self._database.cursor() as cursor:
            prepared.run_rows(cursor, [values])
            return [row[0] for row in cursor.fetchall()]

    def obsolete(self) -> list[str]:
        """Keys of objects that were replaced or deleted, and are perhaps still in the storage."""
        return [row[0] for row in self._rows(sa.select(schema.obsolete.c.storage_key))]

    def obsolete_among(self, storage_keys: Iterable[str]) -> set[str]:
        """Those of ``storage_keys`` that are `obsolete`."""
        keys, column = list(storage_keys), schema.obsolete.c.storage_key
        return {
            row[0]
            for start in range(0, len(keys), _PAGE)
            for row in self._rows(sa.select(column).where(column.in_(keys[start : start + _PAGE])))
        }

    def _rows(self, statement: sa.Select[Any]) -> list[Row[Any]]:
        try:
            with self._database.reading() as connection:
                return list(connection.execute(statement))
        except DBAPIError as error:
            raise unavailable(error.orig) from error


def _with_uids(number: int) -> sa.Select[Any]:
    wanted: list[sa.BindParameter[str]] = [sa.bindparam(f"uid_{n}") for n in range(number)]
    return sa.select(_i.sop_instance_uid).where(_i.sop_instance_uid.in_(wanted))


def _instance(row: Row[Any]) -> IndexedInstance:
    return IndexedInstance(
        patient_id=row.patient_id,
        issuer_of_patient_id=row.issuer_of_patient_id,
        study_instance_uid=row.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        storage_key=row.storage_key,
        version=row.version,
        dataset_offset=row.dataset_offset,
        size=row.size,
        prefix_digest=bytes(row.prefix_digest),
        dataset_digest=bytes(row.dataset_digest),
        received=row.received.replace(tzinfo=dt.UTC),
    )
