"""A storage backend over a bucket."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator

from pacs_framework.buckets.ahead import Ahead
from pacs_framework.buckets.naming import is_key, is_sealed, key_of, version_of
from pacs_framework.buckets.objects import Facts, Objects
from pacs_framework.buckets.reading import Reader
from pacs_framework.buckets.sealing import Keys, SealingWriter, plain_size
from pacs_framework.buckets.settings import BucketSettings
from pacs_framework.buckets.sources import HeldSource
from pacs_framework.buckets.writing import (
    BucketWriter,
    PartsUpload,
    StreamedUpload,
    put_whole,
)
from pacs_framework.config.keys import KeyReference
from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_framework.storage import (
    ByteSource,
    Digests,
    ObjectName,
    ObjectRange,
    ObjectStat,
    ObjectWriter,
    StorageBackend,
)

__all__ = ["BucketBackend", "keys_of"]


class BucketBackend(StorageBackend):
    """Keeps objects below a prefix of a bucket. Nothing is asked of the store before `recover`."""

    def __init__(self, objects: Objects, keys: Keys, *, part_size: int) -> None:
        self._objects = objects
        self._keys = keys
        self._reader = Reader(objects, keys)
        self._part_size = part_size
        self._ahead = Ahead(self._read_one)

    @abstractmethod
    def reads_back(self) -> bool:
        """Whether a new object is read again before it counts as kept."""

    def begin_upload(self, key: str) -> PartsUpload:
        """Begin an upload in parts."""
        return StreamedUpload(self._objects, key, part_size=self._part_size)

    def key_for(self, name: ObjectName) -> str:
        """By study and series; its end tells whether the object is sealed."""
        return key_of(name, sealed=self._keys.current is not None)

    def version_of(self, key: str) -> str:
        """What `key_for` put behind the last hyphen."""
        return version_of(key)

    def begin(
        self,
        key: str,
        *,
        size: int | None = None,  # noqa: ARG002 - a bucket has no end that could be known before
        note: bytes = b"",  # noqa: ARG002 - a bucket remembers nothing but objects
    ) -> ObjectWriter:
        """Nothing is sent before a whole part or the whole object is here."""
        if not is_key(key):
            raise StorageError(f"{key!r} is no key of this storage")
        writer = BucketWriter(
            self._objects,
            key,
            self.begin_upload,
            part_size=self._part_size,
            read_back=self.reads_back(),
        )
        return SealingWriter(writer, self._keys, key) if is_sealed(key) else writer

    def put_bytes(
        self,
        key: str,
        data: memoryview,
        *,
        note: bytes = b"",
        digests: Digests | None = None,
    ) -> None:
        """Sent from where it is, with the digests of its arrival, unless it is sealed or large."""
        if digests is None or is_sealed(key) or not is_key(key) or len(data) > self._part_size:
            super().put_bytes(key, data, note=note, digests=digests)
        else:
            put_whole(self._objects, key, data, digests, read_back=self.reads_back())

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """Small objects whole and checked, of others what is asked for."""
        if not is_key(key):
            raise _missing(key)
        end = None if length is None else offset + length
        if end is not None and end <= offset:
            self._objects.facts(key)
            return HeldSource()
        return self._reader.open(key, offset, end)

    def read_each(self, ranges: Iterable[ObjectRange]) -> Iterator[bytes | None]:
        """Several at a time, in their order."""
        return self._ahead.read(ranges)

    def stat(self, key: str) -> ObjectStat:
        """The size is that before sealing."""
        if not is_key(key):
            raise _missing(key)
        return _stat(self._objects.facts(key))

    def delete(self, key: str) -> None:
        """A store that keeps versions hides the object, and goes on keeping it."""
        if is_key(key):
            self._objects.delete(key)

    def list(self) -> Iterator[ObjectStat]:
        """What else is in the bucket is passed over."""
        return (_stat(found) for found in self._objects.listed() if is_key(found.key))

    def recover(self) -> int:
        """Look whether the bucket is there and lets us in: better now than at the first instance.

        There is nothing to clean up. Raises `StorageError`.
        """
        next(self._objects.listed(), None)
        return 0

    def free_space(self) -> None:
        """A bucket has no end that could be known before."""

    def close(self) -> None:
        """Give connections back."""
        self._ahead.close()
        self._objects.close()

    def _read_one(self, each: ObjectRange) -> bytes | None:
        return next(super().read_each((each,)))


def keys_of(settings: BucketSettings, *, label: bytes) -> Keys:
    """All keys that the section names; ``label`` is what a plugin tells its keys apart by.

    Raises `ConfigurationError` where a key is not where it should be.
    """
    old = [KeyReference(key_file=file).read_key() for file in settings.old_key_files]
    known = [key for key in old if key is not None]
    return Keys.of(settings.read_key(), known, label=label)


def _missing(key: str) -> ObjectNotFound:
    return ObjectNotFound(f"no object {key!r}; `pacs verify` tells what is missing")


def _stat(found: Facts) -> ObjectStat:
    size = plain_size(found.size) if is_sealed(found.key) else found.size
    return ObjectStat(key=found.key, size=size, committed=found.modified)
