"""Holding requests against the table; what is wrong becomes the response (PS3.7 C.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from pydicom.datadict import dictionary_has_tag, repeater_has_tag

from pacs_framework.dicom.moments import is_date, is_time, normalise_date, normalise_time
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.network.errors import NormalizedFailure
from pacs_mpps.attributes import Attributes, Element
from pacs_mpps.iod import TABLE, Rule
from pacs_mpps.model import StepStatus, known_status

__all__ = [
    "check_change",
    "check_creation",
    "check_end",
    "drop_unrecognised",
    "fill_in",
    "status_of",
]

_STATUS = TABLE["PerformedProcedureStepStatus"]
_SERIES = "PerformedSeriesSequence"
_LOWEST_GROUP = 0x0008  # below are commands and file meta information
_FIXED = [rule for rule in TABLE.values() if not rule.settable]
_READABLE: dict[str, Callable[[str], bool]] = {
    "UI": is_valid_uid,
    "DA": lambda text: bool(normalise_date(text)),
    "TM": lambda text: bool(normalise_time(text)),
}
# Of when a step was begun and ended, others reckon; a birth date may be as odd as a RIS has it.
_EXACT: dict[str, Callable[[str], bool]] = {**_READABLE, "DA": is_date, "TM": is_time}


def check_creation(attributes: Attributes, *, strict: bool) -> None:
    """Hold an N-CREATE against the table, and add the Type 2 attributes that it lacks, empty.

    With ``strict`` those are missing (0120H). Raises `NormalizedFailure` with all that is of the
    gravest kind: missing (0120H), empty (0121H), or wrong (0106H).
    """
    found = _Findings(strict=strict)
    found.look(attributes, TABLE.values())
    if not found.missing and status_of(attributes) is not StepStatus.IN_PROGRESS:
        found.invalid.append((_STATUS.keyword, _STATUS.tag))
    found.report("N-CREATE")


def check_change(changes: Attributes, before: Attributes, *, strict: bool) -> None:
    """Hold an N-SET against the table, and take out what it only says again.

    Raises `NormalizedFailure` as `check_creation` does, and with 0105H for an attribute that N-SET
    may not give and that differs from what is there.
    """
    refused = []
    for rule in _FIXED:
        said = changes.get(rule.tag)
        if said is None:
            continue
        had = before.get(rule.tag)
        if had is not None and said.says_the_same(had):
            changes.drop(rule.tag)
        else:
            refused.append(rule)
    if refused:
        raise NormalizedFailure(
            f"N-SET may not change {', '.join(rule.keyword for rule in refused)}",
            status=Status.NO_SUCH_ATTRIBUTE,
            attributes=[rule.tag for rule in refused],
        )
    found = _Findings(strict=strict)
    found.look(changes, [rule for rule in TABLE.values() if rule.tag in changes])
    if _STATUS.tag in changes and not found.empty and status_of(changes) is None:
        found.invalid.append((_STATUS.keyword, _STATUS.tag))
    found.report("N-SET")


def check_end(attributes: Attributes, changes: Attributes, *, strict: bool) -> None:
    """Hold a step that is about to end by ``changes`` against the column *final state*.

    Raises `NormalizedFailure`. A step that was discontinued before there was a series has none,
    which is let pass unless ``strict`` (note 2 of the table wants one all the same).
    """
    lenient = status_of(attributes) is StepStatus.DISCONTINUED and not strict
    found = _Findings(strict=strict)
    for rule in TABLE.values():
        if not rule.needed_at_end or (lenient and rule.keyword == _SERIES):
            continue
        element = attributes.get(rule.tag)
        if element is None or element.is_empty:
            kind = found.empty if rule.tag in changes else found.missing
            kind.append((rule.keyword, rule.tag))
    found.report("the end of the step")


def fill_in(came: Attributes, kept: Attributes) -> None:
    """Have ``came`` say what ``kept`` does after one of the checks: no more, and no less."""
    for tag in [tag for tag in came if tag not in kept]:
        came.drop(tag)
    _Findings(strict=False).look(came, [rule for rule in TABLE.values() if rule.tag in kept])


def status_of(attributes: Attributes) -> StepStatus | None:
    """Its status; None for one that the standard does not know, or none at all."""
    return known_status(attributes.text(_STATUS.keyword))


def drop_unrecognised(attributes: Attributes) -> list[int]:
    """Take out what no dictionary knows, and what belongs in no data set; the tags of that.

    Private attributes stay, as long as their creator is named.
    """
    tags = [tag for tag in attributes if not _recognised(attributes, tag)]
    for tag in tags:
        attributes.drop(tag)
    return [tag for tag in tags if tag & 0xFFFF]  # group lengths are retired, and no news


def _recognised(attributes: Attributes, tag: int) -> bool:
    group, element = tag >> 16, tag & 0xFFFF
    if group < _LOWEST_GROUP or not element:
        return False
    if group & 1:
        is_creator = 0x0010 <= element < 0x0100  # PS3.5 7.8.1
        return is_creator or (group << 16 | element >> 8) in attributes
    return _in_a_dictionary(tag)


@lru_cache(maxsize=1024)
def _in_a_dictionary(tag: int) -> bool:
    return dictionary_has_tag(tag) or repeater_has_tag(tag)


@dataclass
class _Findings:
    """What is wrong: paths for people, tags for the response."""

    strict: bool
    missing: list[tuple[str, int]] = field(default_factory=list)
    empty: list[tuple[str, int]] = field(default_factory=list)
    invalid: list[tuple[str, int]] = field(default_factory=list)

    def look(self, attributes: Attributes, rules: Iterable[Rule], path: str = "") -> bool:
        """Hold one level against its rules, then the items below; whether anything was added."""
        added = False
        for rule in rules:
            element = attributes.get(rule.tag)
            if element is None:
                added = self._absent(attributes, rule, path) or added
            elif element.is_empty:
                if rule.type == "1":
                    self.empty.append((path + rule.keyword, rule.tag))
            elif rule.items:
                added = self._items(element, rule, path) or added
            elif not _readable(element, rule):
                self.invalid.append((path + rule.keyword, rule.tag))
        if added:
            attributes.touch()
        return added

    def _absent(self, attributes: Attributes, rule: Rule, path: str) -> bool:
        if rule.type == "1" or (rule.type == "2" and self.strict):
            self.missing.append((path + rule.keyword, rule.tag))
        elif rule.type == "2":
            attributes.add_empty(rule.tag, rule.vr)
            return True
        return False

    def _items(self, element: Element, rule: Rule, path: str) -> bool:
        if element.items is None:
            self.invalid.append((path + rule.keyword, rule.tag))
            return False
        added = False
        for number, item in enumerate(element.items):
            added = self.look(item, rule.items, f"{path}{rule.keyword}[{number}].") or added
        if added:
            element.touch()
        return added

    def report(self, what: str) -> None:
        """Raise `NormalizedFailure` if there is anything; it names attributes, never values."""
        for found, status, says in (
            (self.missing, Status.MISSING_ATTRIBUTE, "lacks"),
            (self.empty, Status.MISSING_ATTRIBUTE_VALUE, "has no value in"),
            (self.invalid, Status.INVALID_ATTRIBUTE_VALUE, "has a wrong value in"),
        ):
            if found:
                raise NormalizedFailure(
                    f"{what} {says} {', '.join(path for path, _ in found)}",
                    status=status,
                    attributes=list(dict.fromkeys(tag for _, tag in found)),
                )


def _readable(element: Element, rule: Rule) -> bool:
    """Whether each value is one of its VR, as far as anything here depends on that."""
    if element.items is not None:
        return True
    if not element.is_text:
        return False
    readers = _EXACT if rule.type == "1" or rule.needed_at_end else _READABLE
    return all(map(readers.get(element.vr, bool), element.text.split("\\")))
