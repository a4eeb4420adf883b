"""Objects in a bucket of an S3-compatible store."""

from __future__ import annotations

from collections.abc import Iterator

from pacs_framework.config.keys import KeyReference
from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_framework.storage import ByteSource, ObjectName, ObjectStat, ObjectWriter, StorageBackend
from pacs_storage_s3.address import Address
from pacs_storage_s3.bucket import Bucket, Facts
from pacs_storage_s3.naming import is_key, is_sealed, key_of, version_of
from pacs_storage_s3.proving import Proof
from pacs_storage_s3.reading import Reader
from pacs_storage_s3.sealing import Keys, SealingWriter, plain_size
from pacs_storage_s3.settings import Settings
from pacs_storage_s3.sources import HeldSource
from pacs_storage_s3.uploads import Uploads
from pacs_storage_s3.writing import BucketWriter

__all__ = ["S3Backend", "open_backend"]

_HOUR = 3600.0


def open_backend(url: str, settings: Settings) -> S3Backend:
    """The backend behind ``s3://bucket/prefix``. Raises `ConfigurationError`."""
    return S3Backend(Address.of(url), settings)


class S3Backend(StorageBackend):
    """Keeps objects below a prefix of a bucket. Nothing is asked of the store before its use."""

    def __init__(self, address: Address, settings: Settings) -> None:
        self._keys = _keys(settings)
        self._bucket = Bucket(address, settings)
        self._reader = Reader(self._bucket, self._keys)
        self._proof = Proof(self._bucket, settings.check_writes)
        self._uploads = Uploads(
            self._bucket,
            folder=settings.state_folder,
            abandoned_after=settings.abandoned_after * _HOUR,
        )
        self._part_size = settings.part_size

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
            self._bucket, self._uploads, self._proof, key, part_size=self._part_size
        )
        return SealingWriter(writer, self._keys, key) if is_sealed(key) else writer

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """Small objects whole and checked, of others what is asked for."""
        if not is_key(key):
            raise _missing(key)
        end = None if length is None else offset + length
        if end is not None and end <= offset:
            self._bucket.facts(key)
            return HeldSource()
        return self._reader.open(key, offset, end)

    def stat(self, key: str) -> ObjectStat:
        """The size is that before sealing."""
        if not is_key(key):
            raise _missing(key)
        return _stat(self._bucket.facts(key))

    def delete(self, key: str) -> None:
        """A bucket that keeps versions hides the object, and goes on keeping it."""
        if is_key(key):
            self._bucket.delete(key)

    def list(self) -> Iterator[ObjectStat]:
        """What else is in the bucket is passed over."""
        return (_stat(found) for found in self._bucket.listed() if is_key(found.key))

    def free_space(self) -> None:
        """A bucket has no end that could be known before."""

    def recover(self) -> int:
        """Drop uploads that nobody will complete; those of living processes stay."""
        return self._uploads.sweep()

    def close(self) -> None:
        """Give connections and notes back."""
        self._uploads.close()
        self._bucket.close()


def _keys(settings: Settings) -> Keys:
    """Raises `ConfigurationError` where a key is not where it should be."""
    old = [KeyReference(key_file=file).read_key() for file in settings.old_key_files]
    return Keys.of(settings.read_key(), [key for key in old if key is not None])


def _missing(key: str) -> ObjectNotFound:
    return ObjectNotFound(f"no object {key!r}; `pacs verify` tells what is missing")


def _stat(found: Facts) -> ObjectStat:
    size = plain_size(found.size) if is_sealed(found.key) else found.size
    return ObjectStat(key=found.key, size=size, committed=found.modified)
