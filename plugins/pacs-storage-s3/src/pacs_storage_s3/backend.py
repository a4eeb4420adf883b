"""Objects in a bucket of an S3-compatible store."""

from __future__ import annotations

from pacs_framework.buckets.backend import BucketBackend, keys_of
from pacs_framework.buckets.writing import PartsUpload
from pacs_storage_s3.address import Address
from pacs_storage_s3.bucket import Bucket
from pacs_storage_s3.proving import Proof
from pacs_storage_s3.settings import Settings
from pacs_storage_s3.uploads import Uploads

__all__ = ["S3Backend", "open_backend"]

_HOUR = 3600.0
_LABEL = b"pacs-storage-s3 key"


def open_backend(url: str, settings: Settings) -> S3Backend:
    """The backend behind ``s3://bucket/prefix``. Raises `ConfigurationError`."""
    return S3Backend(Address.of(url), settings)


class S3Backend(BucketBackend):
    """A bucket whose store is asked whether it looks at what it gets."""

    def __init__(self, address: Address, settings: Settings) -> None:
        keys = keys_of(settings, label=_LABEL)
        bucket = Bucket(address, settings)
        super().__init__(bucket, keys, part_size=settings.part_size)
        self._proof = Proof(bucket, settings.check_writes)
        self._uploads = Uploads(
            bucket,
            folder=settings.state_folder,
            abandoned_after=settings.abandoned_after * _HOUR,
        )

    def reads_back(self) -> bool:
        """The first call may ask the store."""
        return self._proof.reads_back()

    def begin_upload(self, key: str) -> PartsUpload:
        """Noted, so that the next start drops it where this process dies."""
        return self._uploads.begin(key)

    def recover(self) -> int:
        """Drop uploads that nobody will complete; those of living processes stay."""
        return self._uploads.sweep()

    def close(self) -> None:
        """Give connections and notes back."""
        self._uploads.close()
        super().close()
