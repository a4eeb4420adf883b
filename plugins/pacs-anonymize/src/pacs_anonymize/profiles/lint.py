"""A profile file looked over: what is wrong, what never applies, what weakens the standard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Action, ByPrivate, ByTag, ByVR, Selector
from pacs_anonymize.engine.table import Row, confidentiality_table
from pacs_anonymize.pixels.options import split_options
from pacs_anonymize.profiles.document import Document, RuleEntry
from pacs_anonymize.profiles.reading import UnreadableProfile, made_of, read_document
from pacs_anonymize.profiles.selectors import by_keyword, in_words
from pacs_framework.errors import ConfigurationError

__all__ = ["Finding", "Severity", "lint"]

_WEAK = (Action.K, Action.C)
_NAMED = 3
# Attributes of these are replaced or cleaned also where the table does not list them.
_PROTECTED_VRS = ("AE", "DA", "DT", "LT", "PN", "ST", "TM", "UR", "UT")


class Severity(StrEnum):
    """How bad it is. With an error the profile is not used, or does not what it claims."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at; ``place`` is such as ``rule 3``."""

    severity: Severity
    place: str
    message: str


def lint(text: str, name: str) -> tuple[Document | None, list[Finding]]:
    """A profile file, None where it cannot be read, and what there is to say about it."""
    try:
        document = read_document(text, name)
    except UnreadableProfile as error:
        return None, [Finding(Severity.ERROR, each.place, each.message) for each in error.problems]
    findings = [*_options(document, name), *_shadowed(document), *_weakened(document)]
    return document, [*findings, *_uncovered(document)]


def _options(document: Document, name: str) -> Iterator[Finding]:
    try:
        made_of(document, name)
    except ConfigurationError as error:
        yield Finding(Severity.ERROR, "options", str(error))


# --- rules that never apply -----------------------------------------------------------------------


def _shadowed(document: Document) -> Iterator[Finding]:
    for number, rule in enumerate(document.rule, start=1):
        earlier = _that_takes_all(rule, document.rule[: number - 1])
        if earlier is not None:
            yield Finding(
                Severity.WARNING,
                f"rule {number}",
                f"it never applies: rule {earlier} comes first and is for the same attributes",
            )


def _that_takes_all(rule: RuleEntry, earlier: Sequence[RuleEntry]) -> int | None:
    """The number of the first rule that leaves nothing to ``rule``."""
    for number, other in enumerate(earlier, start=1):
        whenever = not other.when or other.when == rule.when
        if whenever and _includes(other.selector(), rule.selector()):
            return number
    return None


def _includes(outer: Selector, inner: Selector) -> bool:
    """Whether all that ``inner`` is for is surely what ``outer`` is for."""
    if isinstance(outer, ByPrivate) and isinstance(inner, ByPrivate):
        return outer.creator == inner.creator and outer.element in (None, inner.element)
    if isinstance(outer, ByTag) and isinstance(inner, ByTag):
        narrower = outer.mask & inner.mask == outer.mask
        return narrower and outer.holds(inner.tag)
    # The VR in a file may differ from that of the dictionary: an attribute is not surely of one.
    return outer == inner


# --- rules that weaken ----------------------------------------------------------------------------


def _weakened(document: Document) -> Iterator[Finding]:
    options, _ = split_options(document.options)
    for number, rule in enumerate(document.rule, start=1):
        if rule.action not in _WEAK or rule.why:
            continue
        if what := _protected_by_table(rule.selector(), options):
            does = "keeps" if rule.action is Action.K else "cleans"
            yield Finding(
                Severity.WARNING,
                f"rule {number}",
                f"it {does} what the profile would remove or replace: {what}; say why = "
                '"…" if that is meant',
            )


def _protected_by_table(selector: Selector, options: frozenset[Option]) -> str:
    """Which attributes among those of ``selector`` do not stay by the table, in words."""
    if isinstance(selector, ByPrivate):
        return in_words(selector)
    table = confidentiality_table()
    rows = [row for row in (*table.exact.values(), *table.repeating) if not _kept(row, options)]
    found = [row.keyword for row in rows if _is_for(selector, row)]
    if isinstance(selector, ByTag) and table.row(selector.tag) is None:
        found += [in_words(selector) for vr in _PROTECTED_VRS if _may_have(selector.tag, vr)]
    if len(found) > _NAMED:
        return f"{', '.join(found[:_NAMED])} and {len(found) - _NAMED} more"
    return ", ".join(found)


def _is_for(selector: Selector, row: Row) -> bool:
    if isinstance(selector, ByVR):
        return _may_have(row.tag, selector.vr)
    if isinstance(selector, ByPrivate):
        return False
    common = selector.mask & row.mask
    return selector.tag & common == row.tag & common


def _may_have(tag: int, vr: str) -> bool:
    """Whether PS3.6 gives an attribute this VR, alone or as one of several."""
    return dictionary_has_tag(tag) and vr in dictionary_VR(tag).split(" or ")


def _kept(row: Row, options: frozenset[Option]) -> bool:
    """Whether an option keeps or only cleans what the Basic Profile removes or replaces."""
    return any(code in ("K", "C") for option, code in row.options.items() if option in options)


# --- claims that do not hold ----------------------------------------------------------------------


def _uncovered(document: Document) -> Iterator[Finding]:
    for claim in document.covers:
        for keyword in claim.attributes:
            if reason := _left_by(document, by_keyword(keyword).tag):
                yield Finding(
                    Severity.ERROR,
                    f"covers {claim.identifier}",
                    f"{keyword} {reason}",
                )


def _left_by(document: Document, tag: int) -> str:
    """Why an attribute may stay as it is; empty where it cannot."""
    for number, rule in enumerate(document.rule, start=1):
        if not _means(rule.selector(), tag):
            continue
        if rule.action in _WEAK:
            return f"is left by rule {number}"
        if not rule.when:
            return ""
    row = confidentiality_table().row(tag)
    if row is None:
        return "is not in Table E.1-1, and no rule removes it"
    return "is left by an option" if _kept(row, split_options(document.options)[0]) else ""


def _means(selector: Selector, tag: int) -> bool:
    if isinstance(selector, ByVR):
        return _may_have(tag, selector.vr)
    return isinstance(selector, ByTag) and selector.holds(tag)
