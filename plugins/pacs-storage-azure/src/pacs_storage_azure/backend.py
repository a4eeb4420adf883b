"""Objects in a container of Azure Blob Storage."""

from __future__ import annotations

from urllib.parse import urlsplit

from pacs_framework.buckets.backend import BucketBackend, keys_of
from pacs_framework.buckets.digests import DigestNames
from pacs_framework.buckets.objects import Objects, content_type
from pacs_storage_azure.address import Address
from pacs_storage_azure.connecting import connect, endpoint_of
from pacs_storage_azure.settings import Checking, Settings

__all__ = ["AzureBackend", "open_backend"]

_LABEL = b"pacs-storage-azure key"
# Names of metadata are identifiers here: no hyphen.
_DIGESTS = DigestNames("pacs_sha256", "pacs_sha256_split")


def open_backend(url: str, settings: Settings) -> AzureBackend:
    """The backend behind ``az://container/prefix``. Raises `ConfigurationError`."""
    return AzureBackend(Address.of(url), settings)


class AzureBackend(BucketBackend):
    """Block blobs. Blocks of uploads that nobody completes are dropped by Azure, after a week."""

    def __init__(self, address: Address, settings: Settings) -> None:
        attributes = {"Content-Type": content_type(sealed=settings.seals)}
        if settings.access_tier:
            attributes["Storage-Class"] = settings.access_tier.value
        objects = Objects(address, connect(address, settings), attributes, digest_names=_DIGESTS)
        super().__init__(objects, keys_of(settings, label=_LABEL), part_size=settings.part_size)
        self._reads_back = settings.check_writes is Checking.READ_BACK
        if settings.check_writes is Checking.AUTO:
            self._reads_back = urlsplit(endpoint_of(settings)).scheme == "http"

    def reads_back(self) -> bool:
        """As the settings say: obstore sends no checksum that Azure would look at."""
        return self._reads_back
