"""Moving instances from one patient to another: rows of study and series follow or are joined.

All of it inside a transaction of the caller that holds the write lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.dicom.attributes import Level, indexed_at
from pacs_framework.dicom.matching import normalise_datetime, normalise_person_name
from pacs_framework.index import schema

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping, Table

__all__ = ["patient_row", "prune", "relocate", "write_patient"]

_study, _series, _instance = schema.study, schema.series, schema.instance


def patient_row(connection: Connection, patient_id: str, issuer: str) -> RowMapping | None:
    """The row of a patient that has instances."""
    c = schema.patient.c
    statement = sa.select(schema.patient).where(
        c.patient_id == patient_id, c.issuer_of_patient_id == issuer
    )
    return connection.execute(statement).mappings().first()


def write_patient(
    connection: Connection, patient_id: str, issuer: str, values: Mapping[str, str]
) -> int:
    """The id of the row of a patient, made or changed to ``values`` (column to text)."""
    present = patient_row(connection, patient_id, issuer)
    row = {**(present or dict.fromkeys(_columns(Level.PATIENT), "")), **values}
    row |= {"patient_id": patient_id, "issuer_of_patient_id": issuer}
    row["patient_name_search"] = normalise_person_name(row["patient_name"])
    return _write(connection, schema.patient, row, present)


def relocate(connection: Connection, moved: sa.Select[tuple[int]], patient_id: int) -> int:
    """File the instances whose ids ``moved`` selects under the patient row ``patient_id``.

    Studies and series that are there already take them in, and what is left without children goes.
    The number of instances.
    """
    number = 0
    sources: set[tuple[int, int, int]] = set()
    for row in _groups(connection, moved):
        study_id = _join(connection, _study, {"patient_fk": patient_id}, row.study_fk)
        series_id = _join(connection, _series, {"study_fk": study_id}, row.id)
        if series_id != row.id:
            statement = (
                sa.update(_instance)
                .where(_instance.c.series_fk == row.id, _instance.c.id.in_(moved))
                .values(series_fk=series_id)
            )
            number += connection.execute(statement).rowcount
            sources.add((row.id, row.study_fk, row.patient_fk))
    prune(connection, sources)
    return number


def _groups(connection: Connection, moved: sa.Select[tuple[int]]) -> list[sa.Row[Any]]:
    """The series that hold any of the instances, oldest first."""
    holding = sa.select(_instance.c.series_fk).where(_instance.c.id.in_(moved))
    statement = (
        sa.select(_series.c.id, _series.c.study_fk, _study.c.patient_fk)
        .join_from(_series, _study)
        .where(_series.c.id.in_(holding))
        .order_by(_series.c.id)
    )
    return list(connection.execute(statement))


def _join(connection: Connection, table: Table, parent: Mapping[str, int], like: int) -> int:
    """The row under ``parent`` that has the UID of the row ``like``: made as its copy, or filled
    where it is empty.
    """
    model = connection.execute(sa.select(table).where(table.c.id == like)).mappings().one()
    uid = f"{table.name}_instance_uid"
    ((foreign_key, parent_id),) = parent.items()
    present = (
        connection.execute(
            sa.select(table).where(table.c[uid] == model[uid], table.c[foreign_key] == parent_id)
        )
        .mappings()
        .first()
    )
    columns = _columns(Level.STUDY if table is _study else Level.SERIES)
    row = {c: (present[c] if present else "") or model[c] for c in columns}
    if table is _study:
        row["study_datetime_search"] = normalise_datetime(row["study_date"], row["study_time"])
    return _write(connection, table, {**row, **parent}, present)


def _columns(level: Level) -> list[str]:
    return [attribute.column for attribute in indexed_at(level)]


def _write(
    connection: Connection, table: Table, row: Mapping[str, Any], present: RowMapping | None
) -> int:
    """Insert ``row``, or change the one that is ``present`` where it differs; its id."""
    values = {name: value for name, value in row.items() if name != "id"}
    if present is None:
        statement = sa.insert(table).values(values).returning(table.c.id)
        return int(connection.execute(statement).scalar_one())
    if any(present[name] != value for name, value in values.items()):
        connection.execute(sa.update(table).where(table.c.id == present["id"]).values(values))
    return int(present["id"])


def prune(connection: Connection, sources: Collection[tuple[int, int, int]]) -> None:
    """Remove those of ``sources`` that have no children any more.

    Each is the id of a series, of its study and of its patient.
    """
    levels = (
        (_series, _instance.c.series_fk),
        (_study, _series.c.study_fk),
        (schema.patient, _study.c.patient_fk),
    )
    for place, (table, child) in enumerate(levels):
        for row_id in sorted({source[place] for source in sources}):
            children = sa.select(sa.literal(1)).where(child == row_id).exists()
            connection.execute(sa.delete(table).where(table.c.id == row_id, ~children))
