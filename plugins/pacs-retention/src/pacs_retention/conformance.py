"""What the conformance statement says of how long instances are kept."""

from __future__ import annotations

from pacs_framework.conformance.records import Contribution, Remark, Topic
from pacs_retention.settings import Settings

__all__ = ["contributions"]


def contributions(settings: Settings) -> list[Contribution]:
    """That rules delete; nothing where there are none."""
    if not settings.rules:
        return []
    names = ", ".join(rule.name for rule in settings.rules)
    text = (
        f"Studies are deleted by rules of the site ({names}). Protected studies, and those of "
        f"protected patients, are never deleted."
    )
    return [Remark(topic=Topic.STORAGE, text=text)]
