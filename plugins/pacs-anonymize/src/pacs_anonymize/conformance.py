"""What the conformance statement says of de-identification (PS3.15 Annex E)."""

from __future__ import annotations

from pacs_anonymize.engine.options import Option
from pacs_anonymize.settings import AnonymizeSettings, StoreRule
from pacs_framework.conformance.records import Contribution, Remark, Topic

__all__ = ["contributions"]

_PROFILE = (
    "De-identifier, PS3.15 Annex E: the Basic Application Level Confidentiality Profile with the "
    f"options {', '.join(option.value for option in Option)}. Headers only: the Clean Pixel Data "
    "and Clean Recognizable Visual Features Options are not claimed, pixel data stay as they are, "
    "and no Encrypted Attributes Sequence (0400,0500) is made. New UIDs and pseudonyms are made "
    "with a secret key and are the same for the same original, on every node."
)


def contributions(settings: AnonymizeSettings) -> list[Contribution]:
    """What is claimed, and which instances are de-identified on their way in."""
    return [
        Remark(topic=Topic.DE_IDENTIFICATION, text=_PROFILE),
        Remark(topic=Topic.COERCION, text=_rules(settings)),
    ]


def _rules(settings: AnonymizeSettings) -> str:
    if not settings.on_store:
        return "No instance is de-identified on reception ([plugin.anonymize] on_store is empty)."
    rules = "; ".join(_rule(rule) for rule in settings.on_store)
    return (
        "Instances are de-identified on reception by the first of these rules that fits: "
        f"{rules}. They are kept in this form alone, under new UIDs unless the profile retains "
        "them, and answered with B000H; one that cannot be de-identified is refused with 0110H "
        "and nothing of it is kept."
    )


def _rule(rule: StoreRule) -> str:
    patterns = {
        "calling AE title": rule.calling_aet,
        "called AE title": rule.called_aet,
        "Modality": rule.modality,
        "SOP class": rule.sop_class,
        "Station Name": rule.station_name,
    }
    conditions = [f"{name} {pattern}" for name, pattern in patterns.items() if pattern]
    return f"{' and '.join(conditions) or 'every instance'}: {rule.anonymizer}"
