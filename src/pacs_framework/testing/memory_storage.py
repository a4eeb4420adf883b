"""A storage backend in memory, for tests: the contract kept, nothing durable."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator

from pacs_framework.errors import ObjectNotFound
from pacs_framework.storage import ByteSource, ObjectName, ObjectStat, ObjectWriter, StorageBackend

__all__ = ["MemoryStorage"]


class MemoryStorage(StorageBackend):
    """Objects in a dictionary. ``opened`` counts how often each key was opened."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.opened: dict[str, int] = {}
        self._committed: dict[str, dt.datetime] = {}

    def key_for(self, name: ObjectName) -> str:
        """SOP Instance UID and version."""
        return f"{name.sop_instance_uid}/{name.version}"

    def version_of(self, key: str) -> str:
        """What stands behind the UID."""
        return key.rpartition("/")[2]

    def begin(self, key: str, *, size: int | None = None) -> ObjectWriter:  # noqa: ARG002 - no limit here
        """Start an object."""
        return _Writer(self, key)

    def keep(self, key: str, data: bytes) -> None:
        """Commit a whole object."""
        self._committed[key] = dt.datetime.now(dt.UTC)
        self.objects[key] = data

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """Read an object. Raises `ObjectNotFound`."""
        data = self._data(key)
        self.opened[key] = self.opened.get(key, 0) + 1
        return io.BytesIO(data[offset:] if length is None else data[offset : offset + length])

    def stat(self, key: str) -> ObjectStat:
        """Size and time. Raises `ObjectNotFound`."""
        return ObjectStat(key=key, size=len(self._data(key)), committed=self._committed[key])

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.objects.pop(key, None)

    def list(self) -> Iterator[ObjectStat]:
        """Every object."""
        return (self.stat(key) for key in tuple(self.objects))

    def free_space(self) -> int | None:
        """Unlimited."""
        return None

    def _data(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise ObjectNotFound(f"no object {key!r}") from None


class _Writer(ObjectWriter):
    """Collects an object until its commit."""

    def __init__(self, storage: MemoryStorage, key: str) -> None:
        self._storage = storage
        self._key = key
        self._data = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._data += data

    def commit(self) -> None:
        self._storage.keep(self._key, bytes(self._data))

    def abort(self) -> None:
        self._data.clear()
