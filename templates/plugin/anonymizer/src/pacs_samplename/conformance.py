"""What the conformance statement says of the anonymizer; `pacs conformance` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.conformance.records import Contribution, Remark, Topic

if TYPE_CHECKING:
    from pacs_samplename.settings import Settings

__all__ = ["contributions"]


def contributions(settings: Settings) -> list[Contribution]:
    """What becomes of a header; nothing where there is no key, since all is refused then."""
    if settings.key_file is None:
        return []
    text = (
        "Instances can be de-identified by an allow list of attributes: what is not on it is "
        "removed, Patient ID and the UIDs of instances are replaced. This is not the Basic "
        "Application Level Confidentiality Profile (PS3.15 E.2). Pixel data stay as they are."
    )
    return [Remark(topic=Topic.DE_IDENTIFICATION, text=text)]
