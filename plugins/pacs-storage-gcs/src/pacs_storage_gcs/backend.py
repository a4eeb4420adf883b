"""Objects in a bucket of Google Cloud Storage."""

from __future__ import annotations

from pacs_framework.buckets.backend import BucketBackend, keys_of
from pacs_storage_gcs.address import Address
from pacs_storage_gcs.bucket import Bucket
from pacs_storage_gcs.connecting import unencrypted
from pacs_storage_gcs.settings import Checking, Settings

__all__ = ["GoogleBackend", "open_backend"]

_LABEL = b"pacs-storage-gcs key"


def open_backend(url: str, settings: Settings) -> GoogleBackend:
    """The backend behind ``gs://bucket/prefix``. Raises `ConfigurationError`."""
    return GoogleBackend(Address.of(url), settings)


class GoogleBackend(BucketBackend):
    """A bucket, through the XML interface; a rule of the bucket drops uploads that are left."""

    def __init__(self, address: Address, settings: Settings) -> None:
        keys = keys_of(settings, label=_LABEL)
        super().__init__(Bucket(address, settings), keys, part_size=settings.part_size)
        self._reads_back = settings.check_writes is Checking.READ_BACK or (
            settings.check_writes is Checking.AUTO and unencrypted(settings)
        )

    def reads_back(self) -> bool:
        """As the settings say, unless the store's MD5 has proved the object."""
        return self._reads_back
