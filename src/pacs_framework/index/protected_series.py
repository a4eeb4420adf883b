"""Whether a series is protected from deletion, asked inside the writer's transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.index import schema
from pacs_framework.index.prepared import Cursor, Prepared

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

__all__ = ["ProtectedSeries"]


class ProtectedSeries:
    """Looks for protections of the study of a series, or of its patient by whatever key.

    As `MarkBook.protected_among` does, in the one statement that the writer has time for.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._find = Prepared(_protections(), dialect)

    def holds(self, cursor: Cursor, series_id: int) -> bool:
        """Whether nothing of the series of this row may go."""
        self._find.run(cursor, {"series_id": series_id})
        return bool(cursor.fetchall())


def _protections() -> sa.Select[int]:
    c, corrected = schema.protection.c, schema.corrected_patient.c
    patient, study, series = schema.patient, schema.study, schema.series
    mine = series.c.id == sa.bindparam("series_id", type_=series.c.id.type)
    uid = sa.select(study.c.study_instance_uid).select_from(series.join(study)).where(mine)
    # The key that the series is filed under, and all that were merged into it.
    key = (
        sa.select(patient.c.patient_id, patient.c.issuer_of_patient_id)
        .select_from(series.join(study).join(patient))
        .where(mine)
        .cte("key", recursive=True)
    )
    merged = sa.select(corrected.patient_id, corrected.issuer_of_patient_id).join(
        key,
        sa.and_(
            corrected.into_patient_id == key.c.patient_id,
            corrected.into_issuer_of_patient_id == key.c.issuer_of_patient_id,
        ),
    )
    key = key.union(merged)
    by_patient = sa.exists().where(
        c.study_instance_uid == "",
        c.patient_id == key.c.patient_id,
        c.issuer_of_patient_id == key.c.issuer_of_patient_id,
    )
    by_study = c.study_instance_uid == uid.scalar_subquery()
    return sa.select(c.id).where(sa.or_(by_study, by_patient)).limit(1)
