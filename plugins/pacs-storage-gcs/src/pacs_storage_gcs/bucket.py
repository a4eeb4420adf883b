"""Objects of Google Cloud Storage, which answers what it has kept with its MD5."""

from __future__ import annotations

import hashlib
import re

from pacs_framework.buckets.objects import Objects, content_type
from pacs_framework.storage import Digests
from pacs_storage_gcs.address import Address
from pacs_storage_gcs.connecting import connect
from pacs_storage_gcs.settings import Checking, Settings

__all__ = ["Bucket"]

_MD5 = re.compile(r"[0-9a-f]{32}")


class Bucket(Objects):
    """Compares the entity tags of new objects, if the settings let it.

    A tag is the MD5 of an object that came in one request and that Google's own keys encrypt at
    rest; of others it is nothing in particular.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        attributes = {"Content-Type": content_type(sealed=settings.seals)}
        if settings.storage_class:
            attributes["Storage-Class"] = settings.storage_class.value
        super().__init__(address, connect(address, settings), attributes)
        self._compares = settings.check_writes is Checking.AUTO

    def put(self, key: str, data: bytes | memoryview, digests: Digests) -> bool:
        """Whether the store's MD5 is that of ``data``.

        Raises `StorageError` where it is another, and what is read back is other bytes too: a tag
        of another kind may look like an MD5.
        """
        tag = self._put(key, data, digests)
        if not self._compares or not _MD5.fullmatch(tag):
            return False
        if tag != hashlib.md5(data, usedforsecurity=False).hexdigest():
            self.require(key, digests)
        return True
