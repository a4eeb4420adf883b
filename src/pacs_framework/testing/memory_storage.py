"""A storage backend in memory: for tests that are about something else than storage."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator

from pacs_framework.errors import ObjectNotFound
from pacs_framework.storage import ByteSource, ObjectName, ObjectStat, ObjectWriter, StorageBackend

__all__ = ["MemoryStorage"]


class MemoryStorage(StorageBackend):
    """Keeps every law but durability. ``before`` is called with the name of each step.

    The steps are ``begin``, ``write``, ``commit``, ``committed``, ``open`` and ``delete``; what it
    raises comes out of that step, so a test can let any of them fail.
    """

    def __init__(self, before: Callable[[str], None] = lambda _step: None) -> None:
        self.objects: dict[str, tuple[bytes, dt.datetime]] = {}
        self.before = before

    def key_for(self, name: ObjectName) -> str:
        """UID and version."""
        return f"{name.sop_instance_uid}/{name.version}"

    def version_of(self, key: str) -> str:
        """What follows the UID."""
        return key.rpartition("/")[2]

    def begin(
        self,
        key: str,
        *,
        size: int | None = None,
        note: bytes = b"",  # noqa: ARG002 - nothing is remembered
    ) -> ObjectWriter:
        """Start an object; a ``size`` that is given is held against what is written."""
        self.before("begin")
        return _Writer(self, key, size)

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """A copy of the bytes as they are now."""
        self.before("open")
        end = None if length is None else offset + length
        return io.BytesIO(self._object(key)[0][offset:end])

    def stat(self, key: str) -> ObjectStat:
        """Size and time of the commit."""
        data, committed = self._object(key)
        return ObjectStat(key=key, size=len(data), committed=committed)

    def delete(self, key: str) -> None:
        """Forget the object."""
        self.before("delete")
        self.objects.pop(key, None)

    def list(self) -> Iterator[ObjectStat]:
        """Everything that was there when it was called."""
        for key, (data, committed) in list(self.objects.items()):
            yield ObjectStat(key=key, size=len(data), committed=committed)

    def free_space(self) -> None:
        """No limit but the machine's."""

    def _object(self, key: str) -> tuple[bytes, dt.datetime]:
        if key not in self.objects:
            raise ObjectNotFound(f"no object {key!r}")
        return self.objects[key]


class _Writer(ObjectWriter):
    def __init__(self, storage: MemoryStorage, key: str, size: int | None) -> None:
        self._storage = storage
        self._key = key
        self._size = size
        self._data = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._storage.before("write")
        self._data += data

    def commit(self) -> None:
        self._storage.before("commit")
        assert self._size in (None, len(self._data)), "another size was announced"
        self._storage.objects[self._key] = (bytes(self._data), dt.datetime.now(dt.UTC))
        try:
            self._storage.before("committed")
        except BaseException:
            del self._storage.objects[self._key]
            raise

    def abort(self) -> None:
        self._data.clear()
