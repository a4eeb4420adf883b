"""Under which patient an instance is filed, where that is not the one it names itself.

Used by the writer inside its transactions, under the write lock of the archive. What it remembers
holds as long as no correction was added, by any process: that is one look at the end of an index
for each transaction, and all that an archive without corrections pays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.dicom.attributes import Level, indexed_at
from pacs_framework.index import schema
from pacs_framework.index.prepared import Cursor, Prepared

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from pacs_framework.index.entry import Entry

__all__ = ["Filing"]

_REMEMBERED = 4096  # patients
_COLUMNS = frozenset(attribute.keyword for attribute in indexed_at(Level.PATIENT))

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What an instance of one patient is filed with; ``merged`` is the row of that patient."""

    attributes: Mapping[str, str]
    merged: int | None


_AS_IT_SAYS = _Place(attributes={}, merged=None)


class Filing:
    """The corrections of one index, as one process knows them."""

    def __init__(self, dialect: Dialect) -> None:
        c = schema.corrected_patient.c
        self._newest = Prepared(
            sa.select(sa.func.max(schema.patient_correction.c.sequence)), dialect
        )
        self._find = Prepared(
            sa.select(c.id, c.into_patient_id, c.into_issuer_of_patient_id, c.demographics).where(
                c.patient_id == sa.bindparam("patient_id", type_=c.patient_id.type),
                c.issuer_of_patient_id == sa.bindparam("issuer", type_=c.patient_id.type),
            ),
            dialect,
        )
        self._note = Prepared(_insert_recorded(), dialect)
        self._last: int | None = None
        self._places: dict[Key, _Place] = {}

    def changed(self, cursor: Cursor) -> bool:
        """Whether corrections were added since this was asked last, or all was forgotten."""
        self._newest.run(cursor, {})
        newest = cursor.fetchall()[0][0] or 0
        if newest == self._last:
            return False
        self._last = newest
        self._places.clear()
        return True

    def forget(self) -> None:
        """Believe nothing: after a rollback."""
        self._last = None

    def file(
        self, cursor: Cursor, entries: Sequence[Entry]
    ) -> tuple[Sequence[Entry], dict[str, int]]:
        """``entries`` with the patients that hold now, and whose key they carry: by SOP Instance
        UID the row of the patient that was merged into another. Call `changed` before.
        """
        if not self._last:
            return entries, {}
        filed: list[Entry] = []
        recorded: dict[str, int] = {}
        for entry in entries:
            place = self._place(cursor, entry.attributes)
            if place.merged is not None:
                recorded[entry.attributes["SOPInstanceUID"]] = place.merged
            filed.append(
                replace(entry, attributes={**entry.attributes, **place.attributes})
                if place.attributes
                else entry
            )
        return filed, recorded

    def note(self, cursor: Cursor, recorded: Mapping[str, int], new: Iterable[str]) -> None:
        """Keep whose key the instances carry of which ``new`` has the UIDs."""
        for uid in new:
            if uid in recorded:
                self._note.run(cursor, {"corrected": recorded[uid], "uid": uid})

    def _place(self, cursor: Cursor, attributes: Mapping[str, str]) -> _Place:
        key = (attributes["PatientID"], attributes["IssuerOfPatientID"])
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            place = self._places[key] = self._look_up(cursor, key)
        return place

    def _look_up(self, cursor: Cursor, key: Key) -> _Place:
        found = self._row(cursor, key)
        if found is None:
            return _AS_IT_SAYS
        merged = found[0] if found[1] is not None else None
        current = key
        while found is not None and found[1] is not None:
            current = (found[1], found[2])
            found = self._row(cursor, current)
        demographics = json.loads(found[3]) if found is not None else {}
        columns = {k: v for k, v in demographics.items() if k in _COLUMNS}
        if merged is not None:
            columns |= {"PatientID": current[0], "IssuerOfPatientID": current[1]}
        return _Place(attributes=columns, merged=merged)

    def _row(self, cursor: Cursor, key: Key) -> Sequence[Any] | None:
        self._find.run(cursor, {"patient_id": key[0], "issuer": key[1]})
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
        return rows[0] if rows else None


def _insert_recorded() -> sa.Insert:
    c = schema.instance.c
    corrected = sa.bindparam("corrected", type_=schema.recorded_patient.c.corrected_fk.type)
    rows = sa.select(c.id, corrected).where(
        c.sop_instance_uid == sa.bindparam("uid", type_=c.sop_instance_uid.type)
    )
    return sa.insert(schema.recorded_patient).from_select(["instance_fk", "corrected_fk"], rows)
