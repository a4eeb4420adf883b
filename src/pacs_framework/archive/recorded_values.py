"""What stored instances say of their patient themselves, whatever was corrected."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog

from pacs_framework.archive.viewing import attributes_of
from pacs_framework.dicom.header import split_data_set
from pacs_framework.errors import ObjectNotFound, UnreadableInstance
from pacs_framework.index.entry import index_values
from pacs_framework.index.known_patients import COLUMN_OF
from pacs_framework.index.queries import reading
from pacs_framework.index.schema import instance

if TYPE_CHECKING:
    from pacs_framework.index.database import Database
    from pacs_framework.storage import StorageBackend

__all__ = ["FirstValues"]

_log = structlog.get_logger(__name__)


class FirstValues:
    """The demographics that a patient row gets from some instances: of each the first value.

    Of each series the first instance is read, in the order they arrived, until nothing is missing.
    """

    def __init__(self, database: Database, storage: StorageBackend) -> None:
        self._database = database
        self._storage = storage

    def __call__(self, instances: sa.Select[tuple[int]]) -> dict[str, str]:
        """By keyword, for the instances whose row ids are selected.

        An object that is gone or damaged says nothing; `pacs verify` names it. Raises
        `IndexUnavailable` and `StorageError`.
        """
        values = dict.fromkeys(COLUMN_OF, "")
        for row in self._first_of_each_series(instances):
            own = self._read(row)
            values = {keyword: text or own[keyword] for keyword, text in values.items()}
            if all(values.values()):
                break
        return values

    def _first_of_each_series(self, instances: sa.Select[tuple[int]]) -> list[sa.Row[Any]]:
        c = instance.c
        first = sa.select(sa.func.min(c.id)).where(c.id.in_(instances)).group_by(c.series_fk)
        statement = sa.select(instance).where(c.id.in_(first)).order_by(c.id)
        with reading(self._database) as connection:
            return list(connection.execute(statement))

    def _read(self, row: sa.Row[Any]) -> dict[str, str]:
        try:
            opened = self._storage.open(row.storage_key, offset=row.dataset_offset)
            with closing(opened) as data:
                split = split_data_set(data, row.transfer_syntax_uid)
                attributes = index_values(attributes_of(split))
        except (ObjectNotFound, UnreadableInstance) as error:
            _log.error(
                "no header could be read for the values of a patient",
                sop_instance_uid=row.sop_instance_uid,
                error=str(error),
            )
            return dict.fromkeys(COLUMN_OF, "")
        return {keyword: attributes[keyword] for keyword in COLUMN_OF}
