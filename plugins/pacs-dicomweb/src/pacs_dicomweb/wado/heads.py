"""The beginnings of stored data sets, read many at a time.

A header is short, and a storage may take longer to find an object than to read it. So the headers
of a run are asked for together, and those of the next run are announced before: they are fetched
while these are written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pacs_dicomweb.wado.objects import StoredRange
from pacs_framework.storage import ObjectRange

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import StoredInstance

__all__ = ["Heads"]


class Heads:
    """Reads the beginnings of stored data sets for one request."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._announced = ""

    def read(
        self,
        instances: Collection[StoredInstance],
        length: int,
        following: Collection[StoredInstance] = (),
    ) -> Iterator[StoredRange | None]:
        """Each data set with up to ``length`` bytes from its start; None where its object is gone.

        ``following`` are those that are likely to be asked for next. Raises `StorageError`.
        """
        storage = self._archive.storage
        wanted, next_ones = _starts(instances, length), _starts(following, length)
        if wanted and wanted[0].key != self._announced:
            storage.expect(wanted)
        if next_ones:
            storage.expect(next_ones)
            self._announced = next_ones[0].key
        for stored, head in zip(instances, storage.read_each(wanted), strict=True):
            yield None if head is None else StoredRange(self._archive, stored, head)


def _starts(instances: Collection[StoredInstance], length: int) -> list[ObjectRange]:
    return [
        ObjectRange(
            each.storage_key, each.dataset_offset, min(length, each.size - each.dataset_offset)
        )
        for each in instances
    ]
