"""Reading a stored object back as an instance: it describes itself, without the index."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.inspection import inspect
from pacs_framework.archive.source import source_of
from pacs_framework.archive.spool import Spool, spool_buffers
from pacs_framework.archive.versions import received_at
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import UnreadableInstance
from pacs_framework.index.entry import DuplicatePolicy, Entry

if TYPE_CHECKING:
    from pacs_framework.storage import ObjectOpener, StorageBackend

__all__ = ["ObjectReader"]

_BLOCK = 1 << 20
_LONGEST_PREFIX = 1 << 20


class ObjectReader:
    """Reads objects of ``storage`` whole, up to ``limit`` bytes of one in memory."""

    def __init__(
        self, storage: StorageBackend, *, limit: int, new_path: Callable[[], Path]
    ) -> None:
        self._storage = storage
        self._limit = limit
        self._new_path = new_path
        self._buffers = spool_buffers(limit)

    @contextmanager
    def read(
        self, key: str, source: ObjectOpener | None = None
    ) -> Iterator[tuple[FileMeta, Spool]]:
        """What is announced in the prefix of an object, and its bytes; from ``source`` if given.

        Raises `StorageError`, and `UnreadableInstance` for what has no readable prefix.
        """
        opener = self._storage if source is None else source
        with opener.open(key, length=_LONGEST_PREFIX) as head:
            start = head.read(_LONGEST_PREFIX)
        prefix = read_prefix(start, checked=True)
        spool = Spool(
            start[: prefix.dataset_offset],
            limit=self._limit,
            new_path=self._new_path,
            buffers=self._buffers,
        )
        try:
            with opener.open(key, offset=prefix.dataset_offset) as opened:
                while block := opened.read(_BLOCK):
                    spool.write(block)
            yield prefix.meta, spool
        finally:
            spool.close()

    def entry(
        self, key: str, origin: Origin, duplicates: DuplicatePolicy = DuplicatePolicy.IGNORE
    ) -> Entry:
        """The index entry of an object, by what it says of itself.

        What it says must hold: raises `InstanceError` where it does not, and `StorageError`.
        """
        version = self._storage.version_of(key)
        received = _received(version)
        with self.read(key) as (meta, spool):
            inspected = inspect(spool.dataset(), meta)
            return Entry(
                attributes=inspected.attributes,
                transfer_syntax_uid=meta.transfer_syntax_uid,
                storage_key=key,
                version=version,
                dataset_offset=len(spool.prefix),
                size=spool.size,
                prefix_digest=spool.prefix_digest,
                dataset_digest=spool.dataset_digest,
                received=received,
                origin=origin,
                duplicates=duplicates,
                source_aet=source_of(origin, spool.prefix),
            )


def _received(version: str) -> dt.datetime:
    try:
        return received_at(version)
    except ValueError as error:
        raise UnreadableInstance("the key of the object holds no version of an archive") from error
