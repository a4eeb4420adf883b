"""What the conformance statement says of de-identification (PS3.15 Annex E)."""

from __future__ import annotations

from pacs_anonymize.engine.options import Option
from pacs_anonymize.pixels.options import PixelOption
from pacs_anonymize.settings import AnonymizeSettings, RetrieveRule, StoreRule
from pacs_framework.conformance.records import Contribution, Remark, Topic

__all__ = ["contributions"]

_PROFILE = (
    "De-identifier, PS3.15 Annex E: the Basic Application Level Confidentiality Profile with the "
    f"options {', '.join(option.value for option in (*Option, *PixelOption))}. The Clean Pixel "
    "Data Option is carried out by rules for kinds of images: regions are made black, the regions "
    "of Sequence of Ultrasound Regions (0018,6011) are kept, text is looked for (opt-in, with "
    "Tesseract); an image that no rule is for is refused. Images in lossless transfer syntaxes "
    "stay in them, and exact outside of the regions; those compressed with loss become native. "
    "The Clean Recognizable Visual Features Option is carried out by a defacer of another package; "
    "without one, images that may show a face are refused. "
    "No Encrypted Attributes Sequence (0400,0500) is made. New UIDs and pseudonyms are made "
    "with a secret key and are the same for the same original, on every node."
)


def contributions(settings: AnonymizeSettings) -> list[Contribution]:
    """What is claimed, and which instances are de-identified on their way in and out."""
    return [
        Remark(topic=Topic.DE_IDENTIFICATION, text=_PROFILE),
        Remark(topic=Topic.COERCION, text=_rules(settings)),
        Remark(topic=Topic.COERCION, text=_views(settings)),
    ]


def _rules(settings: AnonymizeSettings) -> str:
    if not settings.on_store:
        return "No instance is de-identified on reception ([plugin.anonymize] on_store is empty)."
    rules = "; ".join(_rule(rule) for rule in settings.on_store)
    refused = "nothing of it is kept"
    if settings.quarantine is not None:
        refused = "it is kept in a quarantine that no query and no retrieval reaches"
    return (
        "Instances are de-identified on reception by the first of these rules that fits: "
        f"{rules}. They are kept in this form alone, under new UIDs unless the profile retains "
        "them, and answered with B000H; one that cannot be de-identified is refused with 0110H "
        f"and {refused}."
    )


def _views(settings: AnonymizeSettings) -> str:
    if not settings.on_retrieve:
        return (
            "No instance is de-identified when it is sent ([plugin.anonymize] on_retrieve is "
            "empty)."
        )
    rules = "; ".join(_view(rule) for rule in settings.on_retrieve)
    return (
        "What C-MOVE and C-GET send is de-identified by the first of these rules that fits: "
        f"{rules}. It has the new UIDs in data set and command; the responses name the UIDs that "
        "are stored. An instance that cannot be de-identified is not sent, and its sub-operation "
        "has failed. C-FIND answers with what is stored, whoever asks."
    )


def _view(rule: RetrieveRule) -> str:
    patterns = {
        "receiving AE title": rule.destination,
        "calling AE title": rule.calling_aet,
        "Modality": rule.modality,
        "SOP class": rule.sop_class,
        "Station Name": rule.station_name,
    }
    conditions = [f"{name} {pattern}" for name, pattern in patterns.items() if pattern]
    what = rule.anonymizer or ("as stored" if rule.original else "not sent")
    return f"{' and '.join(conditions) or 'every instance'}: {what}"


def _rule(rule: StoreRule) -> str:
    patterns = {
        "calling AE title": rule.calling_aet,
        "called AE title": rule.called_aet,
        "Modality": rule.modality,
        "SOP class": rule.sop_class,
        "Station Name": rule.station_name,
    }
    conditions = [f"{name} {pattern}" for name, pattern in patterns.items() if pattern]
    what = rule.anonymizer or "put back to its patient by the vault"
    return f"{' and '.join(conditions) or 'every instance'}: {what}"
