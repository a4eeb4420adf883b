"""Finding or making the patient, study and series of an instance.

The first instance of an entity gives its values; a later one fills what was empty. Each process
remembers the series it has written to lately, so that the common instance, one more of its series,
touches none of the three tables.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pacs_framework.dicom.attributes import Level, indexed_at
from pacs_framework.dicom.matching import normalise_datetime, normalise_person_name
from pacs_framework.index import schema
from pacs_framework.index.prepared import Cursor, Prepared

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Dialect

__all__ = ["Parents"]

_REMEMBERED = 4096  # series; some 2 KB each

_KEY_OF = {
    Level.PATIENT: ("patient_id", "issuer_of_patient_id"),
    Level.STUDY: ("study_instance_uid", "patient_fk"),
    Level.SERIES: ("series_instance_uid", "study_fk"),
}
_TABLE_OF = {
    Level.PATIENT: schema.patient,
    Level.STUDY: schema.study,
    Level.SERIES: schema.series,
}

Values = tuple[str, ...]

_series_key = cast(
    "Callable[[Mapping[str, str]], Values]",
    itemgetter("PatientID", "IssuerOfPatientID", "StudyInstanceUID", "SeriesInstanceUID"),
)
_parent_values = cast(
    "Callable[[Mapping[str, str]], Values]",
    itemgetter(
        *(
            attribute.keyword
            for level, table in _TABLE_OF.items()
            for attribute in indexed_at(level)
            if attribute.column not in _KEY_OF[level] and attribute.column in table.c
        )
    ),
)


class Parents:
    """The parents of instances in one index, as one process knows them."""

    def __init__(self, dialect: Dialect) -> None:
        self._remembered: OrderedDict[Values, _Known] = OrderedDict()
        self._patient = _Entity(Level.PATIENT, dialect, _patient_search)
        self._study = _Entity(Level.STUDY, dialect, _study_search)
        self._series = _Entity(Level.SERIES, dialect, _no_search)

    def series_of(self, cursor: Cursor, attributes: Mapping[str, str]) -> int:
        """The id of the series row, made or filled as needed.

        An id that is remembered may be gone, when another process removed the row: the foreign key
        then fails the transaction, and the caller starts again after `forget`. Ids are never given
        twice, so it cannot mean another series.
        """
        key = _series_key(attributes)
        values = _parent_values(attributes)
        known = self._remembered.get(key)
        if known is not None and known.covers(values):
            return known.series_id
        known = self._write(cursor, attributes, values)
        self._remembered[key] = known
        self._remembered.move_to_end(key)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return known.series_id

    def forget(self) -> None:
        """Believe nothing: after a rollback, or when rows were removed."""
        self._remembered.clear()

    def _write(self, cursor: Cursor, attributes: Mapping[str, str], values: Values) -> _Known:
        patient_id, patient = self._patient.upsert(cursor, attributes, None)
        study_id, study = self._study.upsert(cursor, attributes, patient_id)
        series_id, series = self._series.upsert(cursor, attributes, study_id)
        return _Known(series_id, stored=patient + study + series, seen=values)


class _Known:
    """A remembered series: its id, what its parents hold, and what was last compared with that."""

    __slots__ = ("_seen", "_stored", "series_id")

    def __init__(self, series_id: int, *, stored: Values, seen: Values) -> None:
        self.series_id = series_id
        self._stored = stored
        self._seen = seen

    def covers(self, values: Values) -> bool:
        """Whether ``values`` fill nothing that is empty in the rows."""
        if values == self._seen:
            return True
        for new, stored in zip(values, self._stored, strict=True):
            if new and not stored:
                return False
        self._seen = values
        return True


class _Entity:
    """The statements of one level: insert or fill, and put the search column right."""

    def __init__(
        self,
        level: Level,
        dialect: Dialect,
        search: Callable[[Mapping[str, str]], dict[str, str]],
    ) -> None:
        table = _TABLE_OF[level]
        key = _KEY_OF[level]
        self._columns = {a.column: a.keyword for a in indexed_at(level)}
        self._kept = [column for column in self._columns if column not in key]
        self._parent = next((column for column in key if column.endswith("_fk")), None)
        self._search = search
        searched = list(search(dict.fromkeys(self._columns, "")))
        self._upsert = _upsert(table, dialect, key, self._kept, searched)
        self._correct = (
            Prepared(
                sa.update(table).where(table.c.id == sa.bindparam("row_id")),
                dialect,
                column_keys=[*searched, "row_id"],
            )
            if searched
            else None
        )

    def upsert(
        self, cursor: Cursor, attributes: Mapping[str, str], parent_id: int | None
    ) -> tuple[int, Values]:
        """The id of the row, and the values that it holds now (without those of its key)."""
        row: dict[str, Any] = {c: attributes[keyword] for c, keyword in self._columns.items()}
        row.update(self._search(row))
        if self._parent is not None:
            row[self._parent] = parent_id
        self._upsert.run(cursor, row)
        found = cursor.fetchall()[0]
        values = found[1 : 1 + len(self._kept)]
        self._put_right(cursor, found[0], dict(zip(self._kept, values, strict=True)), found)
        return found[0], tuple(values)

    def _put_right(
        self, cursor: Cursor, row_id: int, stored: dict[str, str], found: tuple[Any, ...]
    ) -> None:
        """Search columns follow the values that won, which may come from several instances."""
        if self._correct is None:
            return
        right = self._search(stored)
        if tuple(right.values()) != tuple(found[1 + len(self._kept) :]):
            self._correct.run(cursor, {**right, "row_id": row_id})


def _upsert(
    table: Table, dialect: Dialect, key: tuple[str, ...], kept: list[str], searched: list[str]
) -> Prepared:
    """Insert a row, or fill the empty columns of the one that is there; answer what stands now."""
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    filled = {
        column: sa.case(
            (table.c[column] == sa.literal_column("''"), statement.excluded[column]),
            else_=table.c[column],
        )
        for column in kept
    }
    upsert = statement.on_conflict_do_update(index_elements=list(key), set_=filled)
    answer = upsert.returning(table.c.id, *(table.c[column] for column in (*kept, *searched)))
    return Prepared(answer, dialect, column_keys=dict.fromkeys([*key, *kept, *searched]))


def _patient_search(values: Mapping[str, str]) -> dict[str, str]:
    return {"patient_name_search": normalise_person_name(values["patient_name"])}


def _study_search(values: Mapping[str, str]) -> dict[str, str]:
    moment = normalise_datetime(values["study_date"], values["study_time"])
    return {"study_datetime_search": moment}


def _no_search(_: Mapping[str, str]) -> dict[str, str]:
    return {}
