"""The decision itself: an instance and the rules in, an answer out."""

from __future__ import annotations

from fnmatch import fnmatchcase

from pacs_compress.settings import Rule
from pacs_framework.archive.incoming import Compression, IncomingInstance
from pacs_framework.codecs.syntaxes import is_lossless
from pacs_framework.dicom.uids import UNCOMPRESSED

__all__ = ["choose"]


def choose(instance: IncomingInstance, rules: tuple[Rule, ...]) -> Compression | None:
    """What the first rule that is for ``instance`` wants; None to keep it as it came."""
    for rule in rules:
        if _is_for(rule, instance):
            return rule.compression() if _may_change(rule, instance) else None
    return None


def _is_for(rule: Rule, instance: IncomingInstance) -> bool:
    aet = instance.origin.calling_aet
    return (
        (not rule.calling_aet or any(fnmatchcase(aet, pattern) for pattern in rule.calling_aet))
        and (not rule.modality or instance.attributes["Modality"] in rule.modality)
        and (not rule.sop_class or instance.sop_class_uid in rule.sop_class)
    )


def _may_change(rule: Rule, instance: IncomingInstance) -> bool:
    """What another compression may have lost something of is never compressed again."""
    stored = instance.transfer_syntax_uid
    if stored in UNCOMPRESSED:
        return True
    return rule.recompress and is_lossless(stored) and stored != rule.to
