"""What the conformance statement says of the rules; `pacs conformance` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.conformance.records import Contribution, Remark, Topic

if TYPE_CHECKING:
    from pacs_samplename.settings import Settings

__all__ = ["contributions"]


def contributions(settings: Settings) -> list[Contribution]:
    """What is refused and what is changed, as it is configured."""
    texts = []
    if settings.required:
        attributes = ", ".join(settings.required)
        texts.append(f"An instance without a value of {attributes} is refused with A900H.")
    if settings.institution:
        texts.append(
            "An instance without Institution Name (0008,0080) is stored with the name of this "
            "institution, and its sender is answered with B000H."
        )
    return [Remark(topic=Topic.COERCION, text=text) for text in texts]
