"""What a profile file says, in sentences."""

from __future__ import annotations

from pacs_anonymize.engine.profile import Action, ByTag
from pacs_anonymize.engine.table import confidentiality_table
from pacs_anonymize.profiles.document import RefusedEntry, RuleEntry
from pacs_anonymize.profiles.selectors import in_words

__all__ = ["refusal_sentence", "rule_sentence"]

_DOES = {
    Action.D: "is replaced by a dummy or a pseudonym",
    Action.Z: "is emptied, or replaced by a pseudonym",
    Action.X: "is removed",
    Action.K: "is kept as it is",
    Action.C: "is cleaned of what identifies",
    Action.U: "gets a new UID, the same wherever the old one stands",
}
_EVERY_BIT = 0xFFFFFFFF


def rule_sentence(entry: RuleEntry) -> str:
    """What a rule does, when and why, and what the table of the standard says instead."""
    words = in_words(entry.selector())
    does = f"is replaced by {entry.value!r}" if entry.value is not None else _DOES[entry.action]
    sentence = f"{words[:1].upper()}{words[1:]} {does}"
    if entry.when:
        sentence += f", if {entry.when}"
    if table := _table_says(entry):
        sentence += f" ({table})"
    return f"{sentence}. Reason: {entry.why}" if entry.why else f"{sentence}."


def _table_says(entry: RuleEntry) -> str:
    selector = entry.selector()
    if not isinstance(selector, ByTag) or selector.mask != _EVERY_BIT:
        return ""
    row = confidentiality_table().row(selector.tag)
    return f"Table E.1-1: {row.basic}" if row else "not in Table E.1-1"


def refusal_sentence(entry: RefusedEntry) -> str:
    """Which instances are not taken, and why."""
    return f"An instance is refused if {entry.when}. Reason: {entry.reason}"
