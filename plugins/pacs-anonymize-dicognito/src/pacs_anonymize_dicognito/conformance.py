"""What the conformance statement says of dicognito."""

from __future__ import annotations

from pacs_anonymize_dicognito.settings import DicognitoSettings
from pacs_framework.conformance.records import Contribution, PublishedSettings, Remark, Topic

__all__ = ["contributions"]


def contributions(settings: DicognitoSettings) -> list[Contribution]:
    """Only where there is a key: without one it de-identifies nothing."""
    if settings.key_file is None and not settings.key_env:
        return []
    return [
        Remark(
            topic=Topic.DE_IDENTIFICATION,
            text=(
                "Instances can be de-identified by dicognito: names, identifiers, addresses and "
                "UIDs of instances are replaced, dates moved, private elements removed. This is "
                "not the Basic Application Level Confidentiality Profile (PS3.15 E.2): texts stay, "
                "unless they name a person of the instance, and so does what identifies a device. "
                "Burned-in text is not removed."
            ),
        ),
        PublishedSettings(names=("id_prefix", "id_suffix", "burned_in")),
    ]
