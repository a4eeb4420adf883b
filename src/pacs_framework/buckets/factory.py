"""What the hook ``storage_backends`` offers for a scheme whose URLs name buckets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_framework.buckets.address import Address
    from pacs_framework.storage import StorageBackend

__all__ = ["BucketFactory"]


@dataclass(frozen=True, slots=True)
class BucketFactory:
    """Opens the backend for the bucket that a URL names.

    ``opened`` imports the library of the store no earlier than it is called: that takes a tenth of
    a second and more, and few commands open the storage.
    """

    address: type[Address]
    opened: Callable[[str], StorageBackend]

    def __call__(self, url: str, /) -> StorageBackend:
        """Nothing is asked of the store yet. Raises `ConfigurationError`."""
        return self.opened(url)

    def check(self, url: str, /) -> None:
        """Neither the store nor a secret is looked at. Raises `ConfigurationError`."""
        self.address.of(url)
