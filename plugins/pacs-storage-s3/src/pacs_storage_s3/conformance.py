"""What the conformance statement says of how objects are kept."""

from __future__ import annotations

from pacs_framework.conformance.records import Contribution, PublishedSettings, Remark, Topic
from pacs_framework.errors import StorageError
from pacs_storage_s3.settings import Settings

__all__ = ["contributions"]


def contributions(settings: Settings) -> list[Contribution]:
    """How long objects stay, and when one is refused."""
    sealed = (
        " They are encrypted with AES-256-GCM before they are sent there." if settings.seals else ""
    )
    text = (
        "Objects are kept in a bucket of an S3-compatible store, durable when the sender gets its "
        f"status, until they are deleted by a person or a plugin.{sealed} An instance that the "
        f"store does not take within {settings.budget:g} seconds for each request is refused with "
        f"{StorageError.status:04X}H."
    )
    return [
        Remark(topic=Topic.STORAGE, text=text),
        PublishedSettings(names=("budget", "part_size")),
    ]
