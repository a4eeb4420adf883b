"""What corrections say of the patient of one instance."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.index import schema
from pacs_framework.index.links import keys_in

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["WhatHolds", "anything_holds", "what_holds"]

_current = schema.corrected_patient.alias("current_patient")
_carried = schema.corrected_patient.alias("carried_patient")
_i, _p, _recorded = schema.instance.c, schema.patient.c, schema.recorded_patient
_log = schema.patient_correction
_linked, _linking = schema.linked_patient, schema.patient_correction.alias("linking")
_SELECT = (
    sa.select(
        _p.patient_id,
        _p.issuer_of_patient_id,
        _current.c.demographics,
        _carried.c.patient_id.label("carried_id"),
        _carried.c.issuer_of_patient_id.label("carried_issuer"),
        _log.c.at,
        _linked.c.others,
        _linking.c.at.label("linked_at"),
    )
    .select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))
    .join(
        _current,
        sa.and_(
            _current.c.patient_id == _p.patient_id,
            _current.c.issuer_of_patient_id == _p.issuer_of_patient_id,
        ),
    )
    .join(_log, _log.c.sequence == _current.c.sequence)
    .outerjoin(_recorded, _recorded.c.instance_fk == _i.id)
    .outerjoin(_carried, _carried.c.id == _recorded.c.corrected_fk)
    .outerjoin(_linked, _linked.c.corrected_fk == _current.c.id)
    .outerjoin(_linking, _linking.c.sequence == _linked.c.sequence)
    .where(_i.sop_instance_uid == sa.bindparam("uid"))
)


_series = schema.series
_merged = (
    sa.select(_recorded.c.instance_fk)
    .join_from(_recorded, schema.instance)
    .where(_i.series_fk == _series.c.id)
    .correlate(_series)
)
_has_links = sa.exists().where(_linked.c.corrected_fk == _current.c.id)
_OF_SERIES = (
    sa.select(sa.literal(1))
    .select_from(_series.join(schema.study).join(schema.patient))
    .join(
        _current,
        sa.and_(
            _current.c.patient_id == _p.patient_id,
            _current.c.issuer_of_patient_id == _p.issuer_of_patient_id,
        ),
    )
    .where(_series.c.id == sa.bindparam("series_row"))
    .where(sa.or_(_current.c.demographics != "{}", _has_links, _merged.exists()))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatHolds:
    """The patient of an instance as it was corrected last, at ``at`` in UTC.

    ``carried`` is the key in the instance itself where that patient was merged into ``key``.
    ``demographics`` are the corrected ones alone, ``linked`` are other patients who are the same
    person.
    """

    key: PatientKey
    carried: PatientKey | None
    demographics: Mapping[str, str]
    linked: tuple[PatientKey, ...]
    at: dt.datetime


def what_holds(connection: Connection, sop_instance_uid: str) -> WhatHolds | None:
    """What corrections say of the patient of an instance; None where they say nothing."""
    row = connection.execute(_SELECT, {"uid": sop_instance_uid}).first()
    if row is None:
        return None
    carried = None
    if row.carried_id is not None:
        carried = PatientKey(patient_id=row.carried_id, issuer=row.carried_issuer)
    demographics = json.loads(row.demographics)
    linked = keys_in(row.others)
    if carried is None and not demographics and not linked:
        return None
    at = row.at if row.linked_at is None else max(row.at, row.linked_at)
    return WhatHolds(
        key=PatientKey(patient_id=row.patient_id, issuer=row.issuer_of_patient_id),
        carried=carried,
        demographics=demographics,
        linked=linked,
        at=at.replace(tzinfo=dt.UTC),
    )


def anything_holds(connection: Connection, series_row: int) -> bool:
    """Whether corrections say anything of any instance of a series."""
    return connection.scalar(_OF_SERIES, {"series_row": series_row}) is not None
