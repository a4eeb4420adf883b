"""What the conformance statement says of how objects are kept; `pacs conformance` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.config.types import format_size
from pacs_framework.conformance.records import Contribution, PublishedSettings, Remark, Topic
from pacs_framework.errors import OutOfResources

if TYPE_CHECKING:
    from pacs_samplename.settings import Settings

__all__ = ["contributions"]


def contributions(settings: Settings) -> list[Contribution]:
    """Since when an object is safe, and when there is no room for one."""
    text = (
        "Objects are files in one folder, durable when the sender gets its status. An instance "
        f"that would leave less than {format_size(settings.reserve)} free on the file system is "
        f"refused with {OutOfResources.status:04X}H."
    )
    return [Remark(topic=Topic.STORAGE, text=text), PublishedSettings(names=("reserve",))]
