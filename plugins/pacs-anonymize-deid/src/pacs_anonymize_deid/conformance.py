"""What the conformance statement says of deid."""

from __future__ import annotations

from pacs_anonymize_deid.settings import DeidSettings
from pacs_framework.conformance.records import Contribution, PublishedSettings, Remark, Topic

__all__ = ["contributions"]


def contributions(settings: DeidSettings) -> list[Contribution]:
    """Only where there is a key: without one it de-identifies nothing."""
    if settings.key_file is None and not settings.key_env:
        return []
    names = ", ".join(("deid", *settings.recipes))
    return [
        Remark(
            topic=Topic.DE_IDENTIFICATION,
            text=(
                f"Instances can be de-identified by recipes of deid: {names}. Private elements are "
                "removed, UIDs of instances replaced, and what names a person is emptied where a "
                "recipe leaves it. No confidentiality profile of PS3.15 Annex E is claimed. "
                "Burned-in text is not removed."
            ),
        ),
        PublishedSettings(names=("burned_in",)),
    ]
