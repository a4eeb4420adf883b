"""The objects of a backup: what is known of each, as a line of its manifest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from pacs_framework.index import schema
from pacs_framework.storage import ObjectName

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["StoredObject", "objects_of"]

_PAGE = 500
_i = schema.instance.c
_SELECT = (
    sa.select(
        _i.version,
        _i.storage_key,
        _i.size,
        _i.dataset_offset,
        _i.prefix_digest,
        _i.dataset_digest,
        schema.patient.c.patient_id,
        schema.study.c.study_instance_uid,
        schema.series.c.series_instance_uid,
        _i.sop_instance_uid,
        _i.received,
    )
    .select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))
    .order_by(_i.version)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object: its version, where it is, and what its bytes must be.

    ``size`` counts the bytes, of which the first ``dataset_offset`` stand before the data set. The
    digests are SHA-256, in hexadecimal. ``received`` is in UTC, in the form of ISO 8601.
    """

    version: str
    key: str
    size: int
    dataset_offset: int
    prefix_digest: str
    dataset_digest: str
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    received: str

    def as_row(self) -> dict[str, Any]:
        """For a line of the manifest."""
        names = cast("tuple[str, ...]", self.__slots__)
        return dict(zip(names, astuple(self), strict=True))

    def name(self) -> ObjectName:
        """What a storage makes a key of."""
        return ObjectName(
            patient_id=self.patient_id,
            study_instance_uid=self.study_instance_uid,
            series_instance_uid=self.series_instance_uid,
            sop_instance_uid=self.sop_instance_uid,
            received=dt.datetime.fromisoformat(self.received),
            version=self.version,
            size=self.size,
        )


def objects_of(connection: Connection) -> Iterator[StoredObject]:
    """Every object that the index names, by version: the order they came in."""
    result = connection.execute(_SELECT, execution_options={"yield_per": _PAGE})
    for row in result:
        yield StoredObject(
            version=row.version,
            key=row.storage_key,
            size=row.size,
            dataset_offset=row.dataset_offset,
            prefix_digest=bytes(row.prefix_digest).hex(),
            dataset_digest=bytes(row.dataset_digest).hex(),
            patient_id=row.patient_id,
            study_instance_uid=row.study_instance_uid,
            series_instance_uid=row.series_instance_uid,
            sop_instance_uid=row.sop_instance_uid,
            received=row.received.replace(tzinfo=dt.UTC).isoformat(),
        )
