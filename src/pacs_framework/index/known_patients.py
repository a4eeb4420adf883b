"""What the index knows of patients: their values, their instances, what was corrected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.index import schema
from pacs_framework.index.correction_book import Book
from pacs_framework.index.links import Links
from pacs_framework.index.relocation import patient_row

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "COLUMN_OF",
    "Patient",
    "instances_recorded",
    "instances_under",
    "is_known",
    "known_keys",
    "known_patient",
    "parted_instances",
    "row_values",
]

COLUMN_OF = {
    keyword: INDEXED[keyword].column
    for keyword in ("PatientName", "PatientBirthDate", "PatientSex")
}
"""Keyword to column of the demographics that the index holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A patient as the archive shows it: ``values`` by keyword, of which some are ``corrected``.

    ``merged`` are the keys that mean this patient too, ``linked`` other patients of whom somebody
    said that they are the same person.
    """

    key: PatientKey
    values: Mapping[str, str]
    corrected: tuple[str, ...]
    merged: tuple[PatientKey, ...]
    linked: tuple[PatientKey, ...]
    studies: int
    instances: int


def row_values(connection: Connection, key: PatientKey) -> dict[str, str]:
    """What the index shows of a patient, by keyword; nothing where it has no instances."""
    row = patient_row(connection, key.patient_id, key.issuer)
    if row is None:
        return {}
    return {keyword: row[column] for keyword, column in COLUMN_OF.items()}


def is_known(connection: Connection, key: PatientKey) -> bool:
    """Whether a key has instances, corrected values or links, or others were merged into it."""
    if patient_row(connection, key.patient_id, key.issuer) is not None:
        return True
    book = Book(connection)
    found = book.find(key)
    if found is None:
        return False
    return bool(found.demographics or book.merged_into(key) or Links(connection).others(key))


def instances_under(patient_id: int) -> sa.Select[tuple[int]]:
    """The row ids of the instances under the patient row ``patient_id``."""
    # By an alias, or a statement on the table itself would take it for its own.
    instance = schema.instance.alias()
    series, study = schema.series.alias(), schema.study.alias()
    return (
        sa.select(instance.c.id)
        .join(series, series.c.id == instance.c.series_fk)
        .join(study, study.c.id == series.c.study_fk)
        .where(study.c.patient_fk == patient_id)
    )


def instances_recorded(rows: Collection[int]) -> sa.Select[tuple[int]]:
    """The row ids of instances that carry the keys of these rows of ``corrected_patient``."""
    c = schema.recorded_patient.c
    return sa.select(c.instance_fk).where(c.corrected_fk.in_(sorted(rows)))


def parted_instances(
    connection: Connection, prior: PatientKey
) -> tuple[sa.Select[tuple[int]], sa.Select[tuple[int]]] | None:
    """The instances that an `unmerge` takes along, and those that stay; None where it has none."""
    book = Book(connection)
    found = book.find(prior)
    if found is None or found.into is None:
        return None
    rows = {found.row_id, *(each.row_id for each in book.merged_into(prior))}
    moved = instances_recorded(rows)
    current = book.current(prior)
    row = patient_row(connection, current.patient_id, current.issuer)
    under = instances_under(row["id"] if row is not None else 0)
    return moved, under.where(under.selected_columns[0].not_in(moved))


def known_keys(connection: Connection, limit: int, *, corrected: bool) -> list[PatientKey]:
    """The first keys by Patient ID and issuer: of the index, or of the ``corrected`` patients."""
    if corrected:
        keys = [each.key for each in Book(connection).all() if each.into is None]
        return sorted(keys, key=lambda key: (key.patient_id, key.issuer))[:limit]
    c = schema.patient.c
    statement = (
        sa.select(c.patient_id, c.issuer_of_patient_id)
        .order_by(c.patient_id, c.issuer_of_patient_id)
        .limit(limit)
    )
    return [PatientKey(patient_id=row[0], issuer=row[1]) for row in connection.execute(statement)]


def known_patient(connection: Connection, key: PatientKey) -> Patient | None:
    """The patient of exactly this key; None where nothing is known of it."""
    book = Book(connection)
    found = book.find(key)
    row = patient_row(connection, key.patient_id, key.issuer)
    if found is None and row is None:
        return None
    corrected = dict(found.demographics) if found is not None else {}
    studies, instances = _counts(connection, row["id"]) if row is not None else (0, 0)
    return Patient(
        key=key,
        values={**dict.fromkeys(COLUMN_OF, ""), **row_values(connection, key), **corrected},
        corrected=tuple(corrected),
        merged=tuple(each.key for each in book.merged_into(key)),
        linked=Links(connection).others(key),
        studies=studies,
        instances=instances,
    )


def _counts(connection: Connection, patient_id: int) -> tuple[int, int]:
    """Studies and instances of a patient row."""
    study, series, instance = schema.study, schema.series, schema.instance
    statement = (
        sa.select(sa.func.count(study.c.id.distinct()), sa.func.count(instance.c.id))
        .select_from(study.join(series).join(instance))
        .where(study.c.patient_fk == patient_id)
    )
    row: Any = connection.execute(statement).one()
    return row[0], row[1]
