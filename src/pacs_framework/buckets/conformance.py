"""What the conformance statement says of objects that are kept in a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.conformance.records import Contribution, PublishedSettings, Remark, Topic
from pacs_framework.errors import StorageError

if TYPE_CHECKING:
    from pacs_framework.buckets.settings import BucketSettings

__all__ = ["contributions"]


def contributions(place: str, settings: BucketSettings) -> list[Contribution]:
    """How long objects stay in ``place``, such as "a bucket of …", and when one is refused."""
    sealed = (
        " They are encrypted with AES-256-GCM before they are sent there." if settings.seals else ""
    )
    text = (
        f"Objects are kept in {place}, durable when the sender gets its "
        f"status, until they are deleted by a person or a plugin.{sealed} An instance that the "
        f"store does not take within {settings.budget:g} seconds for each request is refused with "
        f"{StorageError.status:04X}H."
    )
    return [
        Remark(topic=Topic.STORAGE, text=text),
        PublishedSettings(names=("budget", "part_size")),
    ]
