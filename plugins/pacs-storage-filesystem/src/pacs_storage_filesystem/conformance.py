"""What the conformance statement says of how objects are kept."""

from __future__ import annotations

from pacs_framework.config.types import format_size
from pacs_framework.conformance.records import Contribution, PublishedSettings, Remark, Topic
from pacs_framework.errors import OutOfResources
from pacs_storage_filesystem.settings import Settings

__all__ = ["contributions"]


def contributions(settings: Settings) -> list[Contribution]:
    """How long objects stay, and when there is no room for one."""
    text = (
        "Objects are kept below one folder, durable when the sender gets its status, until they "
        "are deleted by a person or a plugin. An instance that would leave less than "
        f"{format_size(settings.reserve)} free on the file system is refused with "
        f"{OutOfResources.status:04X}H."
    )
    return [
        Remark(topic=Topic.STORAGE, text=text),
        PublishedSettings(names=("reserve",)),
    ]
