"""What the conformance statement says of instances that are stored compressed."""

from __future__ import annotations

from pydicom.uid import UID

from pacs_compress.settings import CompressSettings, Rule
from pacs_framework.codecs.syntaxes import syntax_name
from pacs_framework.conformance.records import Contribution, PublishedSettings, Remark, Topic

__all__ = ["contributions"]

_LOSSLESS = (
    "without loss: every frame is compared with what arrived before that is dropped, the SOP "
    "Instance UID stays, the status is Success (0000H)."
)
_LOSSY = (
    "with loss ({loss}): the image is stored as a derived one, with a SOP Instance UID of its own, "
    "Image Type DERIVED and the attributes of lossy image compression (PS3.3 C.7.6.1.1.5); the "
    "status is Coercion of Data Elements (B000H)."
)


def contributions(settings: CompressSettings) -> list[Contribution]:
    """One remark for each rule."""
    rules = [Remark(topic=Topic.STORAGE, text=_text(rule)) for rule in settings.rules]
    return [*rules, PublishedSettings(names=("rules",))] if rules else []


def _text(rule: Rule) -> str:
    loss = rule.compression().loss
    how = _LOSSLESS if loss is None else _LOSSY.format(loss=loss)
    which = "uncompressed or lossless compressed" if rule.recompress else "uncompressed"
    return (
        f"Images{_conditions(rule)} that arrive {which} are stored as {syntax_name(rule.to)} {how}"
    )


def _conditions(rule: Rule) -> str:
    parts = [
        ("calling AE title", rule.calling_aet),
        ("Modality", rule.modality),
        ("SOP Class", tuple(str(UID(uid).name) for uid in rule.sop_class)),
    ]
    return "".join(f" of {name} {' or '.join(words)}," for name, words in parts if words)
