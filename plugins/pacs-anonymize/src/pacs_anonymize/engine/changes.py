"""What happened to one attribute of one instance, for reports; nothing in it identifies."""

from __future__ import annotations

from dataclasses import dataclass

from pacs_anonymize.engine.profile import Action

__all__ = ["Change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One attribute that was replaced, emptied, cleaned, removed or added.

    ``path`` names it with the sequences around it, as ``RequestAttributesSequence[0].StudyDate``.
    ``before`` is a keyed hash (hexadecimal) of the encoded value, so that equal values can be told
    without being known; empty for what was added. ``after`` is the new value in words, None for
    what was removed.
    """

    path: str
    tag: int
    keyword: str
    action: Action
    rule: str
    before: str
    after: str | None
