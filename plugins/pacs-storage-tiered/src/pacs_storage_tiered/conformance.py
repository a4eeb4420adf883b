"""What the conformance statement says of how objects are kept."""

from __future__ import annotations

from pacs_framework.conformance.records import Contribution, Remark, Topic
from pacs_framework.errors import StorageError
from pacs_storage_tiered.settings import Settings

__all__ = ["contributions"]


def contributions(settings: Settings) -> list[Contribution]:
    """When an object counts as kept; nothing where no tier is configured."""
    if not settings.tiers:
        return []
    first = settings.tiers[0]
    count = len(first.places)
    text = (
        f"Objects are kept in several places: the sender gets its status when {first.needed} of "
        f"{count} hold a durable copy"
        f"{', and the others get theirs afterwards' if first.needed < count else ''}. An "
        f"instance that fewer places take is refused with {StorageError.status:04X}H."
    )
    if len(settings.tiers) > 1:
        text += (
            f" Objects that came in more than {first.days:g} days ago and were not read for "
            f"{first.idle_days:g} days go on to other places, and are retrieved from there."
        )
    return [Remark(topic=Topic.STORAGE, text=text)]
