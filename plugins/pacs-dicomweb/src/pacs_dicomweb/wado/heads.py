"""The beginnings of stored data sets, read many at a time.

A header is short, and a storage may take longer to find an object than to read it. So the headers
of a run are asked for together, and those of the next run are announced before: they are fetched
while these are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
        self._announced: _Announced | None = None

    def read(
        self,
        instances: Sequence[StoredInstance],
        length: int,
        following: Sequence[StoredInstance] = (),
    ) -> Iterator[StoredRange | None]:
        """Each data set with up to ``length`` bytes from its start; None where its object is gone.

        ``following`` are those that are likely to be asked for next. Raises `StorageError`.
        """
        known = self._announced
        if known is None or (known.instances, known.length) != (instances, length):
            known = self._announce(instances, length)
        self._announced = self._announce(following, length) if following else None
        heads = self._archive.storage.read_each(known.ranges)
        for stored, head in zip(instances, heads, strict=True):
            yield None if head is None else StoredRange(self._archive, stored, head)

    def _announce(self, instances: Sequence[StoredInstance], length: int) -> _Announced:
        ranges = [
            ObjectRange(
                each.storage_key, each.dataset_offset, min(length, each.size - each.dataset_offset)
            )
            for each in instances
        ]
        if ranges:
            self._archive.storage.expect(ranges)
        return _Announced(instances, length, ranges)


@dataclass(frozen=True, slots=True)
class _Announced:
    """What the storage has heard of."""

    instances: Sequence[StoredInstance]
    length: int
    ranges: Sequence[ObjectRange]
