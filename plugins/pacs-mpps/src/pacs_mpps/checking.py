"""Holding requests against the table; what is wrong becomes the response (PS3.7 C.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pydicom import DataElement, Dataset
from pydicom.datadict import (
    dictionary_has_tag,
    dictionary_VR,
    repeater_has_tag,
    tag_for_keyword,
)
from pydicom.tag import BaseTag

from pacs_framework.dicom.matching import normalise_date, normalise_time, values_of
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.network.errors import NormalizedFailure
from pacs_mpps.iod import TABLE, Rule
from pacs_mpps.model import StepStatus, text_of

__all__ = ["check_change", "check_creation", "check_end", "drop_unrecognised", "status_of"]

_STATUS = "PerformedProcedureStepStatus"
_SERIES = "PerformedSeriesSequence"
_LOWEST_GROUP = 0x0008  # below are commands and file meta information
_READABLE: dict[str, Callable[[str], bool]] = {
    "UI": is_valid_uid,
    "DA": lambda text: bool(normalise_date(text)),
    "TM": lambda text: bool(normalise_time(text)),
}


def check_creation(dataset: Dataset, *, strict: bool) -> None:
    """Hold an N-CREATE against the table, and add the Type 2 attributes that it lacks, empty.

    With ``strict`` those are missing (0120H). Raises `NormalizedFailure` with all that is of the
    gravest kind: missing (0120H), empty (0121H), or wrong (0106H).
    """
    found = _Findings(strict=strict)
    found.look(dataset, TABLE.values())
    if not found.missing and status_of(dataset) is not StepStatus.IN_PROGRESS:
        found.invalid.append((_STATUS, _tag(_STATUS)))
    found.report("N-CREATE")


def check_change(changes: Dataset, before: Dataset, *, strict: bool) -> None:
    """Hold an N-SET against the table, and take out what it only says again.

    Raises `NormalizedFailure` as `check_creation` does, and with 0105H for an attribute that N-SET
    may not give and that differs from what is there.
    """
    refused = []
    for keyword, rule in TABLE.items():
        if rule.settable or keyword not in changes:
            continue
        if keyword in before and _same(changes[keyword], before[keyword]):
            del changes[keyword]
        else:
            refused.append(keyword)
    if refused:
        raise NormalizedFailure(
            f"N-SET may not change {', '.join(refused)}",
            status=Status.NO_SUCH_ATTRIBUTE,
            attributes=[_tag(keyword) for keyword in refused],
        )
    found = _Findings(strict=strict)
    found.look(changes, [rule for rule in TABLE.values() if rule.keyword in changes])
    if _STATUS in changes and not found.empty and status_of(changes) is None:
        found.invalid.append((_STATUS, _tag(_STATUS)))
    found.report("N-SET")


def check_end(dataset: Dataset, changes: Dataset, *, strict: bool) -> None:
    """Hold a step that is about to end by ``changes`` against the column *final state*.

    Raises `NormalizedFailure`. A step that was discontinued before there was a series has none,
    which is let pass unless ``strict`` (note 2 of the table wants one all the same).
    """
    lenient = status_of(dataset) is StepStatus.DISCONTINUED and not strict
    found = _Findings(strict=strict)
    for rule in TABLE.values():
        if not rule.needed_at_end or (lenient and rule.keyword == _SERIES):
            continue
        if not dataset.get(rule.keyword):
            kind = found.empty if rule.keyword in changes else found.missing
            kind.append((rule.keyword, _tag(rule.keyword)))
    found.report("the end of the step")


def status_of(dataset: Dataset) -> StepStatus | None:
    """Its status; None for one that the standard does not know, or none at all."""
    text = text_of(dataset, _STATUS)
    return StepStatus(text) if text in set(StepStatus) else None


def drop_unrecognised(dataset: Dataset) -> list[int]:
    """Take out what no dictionary knows, and what belongs in no data set; the tags of that.

    Private attributes stay, as long as their creator is named.
    """
    tags = [element.tag for element in dataset if not _recognised(dataset, element.tag)]
    for tag in tags:
        del dataset[tag]
    return [int(tag) for tag in tags if tag.element]  # group lengths are retired, and no news


def _recognised(dataset: Dataset, tag: BaseTag) -> bool:
    if tag.group < _LOWEST_GROUP or not tag.element:
        return False
    if tag.is_private:
        creator = BaseTag((tag.group << 16) | (tag.element >> 8))
        return bool(tag.is_private_creator) or creator in dataset
    return dictionary_has_tag(tag) or repeater_has_tag(tag)


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag


def _same(one: DataElement, other: DataElement) -> bool:
    if one.VR == "SQ" or other.VR == "SQ":
        return bool(one == other)
    return values_of(one) == values_of(other)


@dataclass
class _Findings:
    """What is wrong: paths for people, tags for the response."""

    strict: bool
    missing: list[tuple[str, int]] = field(default_factory=list)
    empty: list[tuple[str, int]] = field(default_factory=list)
    invalid: list[tuple[str, int]] = field(default_factory=list)

    def look(self, dataset: Dataset, rules: Iterable[Rule], path: str = "") -> None:
        """Hold one level against its rules, then the items below."""
        for rule in rules:
            place = path + rule.keyword, _tag(rule.keyword)
            if rule.keyword not in dataset:
                self._absent(dataset, rule, place)
            elif (element := dataset[rule.keyword]).is_empty or not element.value:
                if rule.type == "1":
                    self.empty.append(place)
            elif rule.items:
                self._items(element, rule, place)
            elif not all(map(_READABLE.get(element.VR, bool), values_of(element))):
                self.invalid.append(place)

    def _absent(self, dataset: Dataset, rule: Rule, place: tuple[str, int]) -> None:
        if rule.type == "1" or (rule.type == "2" and self.strict):
            self.missing.append(place)
        elif rule.type == "2":
            vr = dictionary_VR(rule.keyword)
            dataset.add_new(_tag(rule.keyword), vr, [] if vr == "SQ" else None)

    def _items(self, element: DataElement, rule: Rule, place: tuple[str, int]) -> None:
        if element.VR != "SQ":
            self.invalid.append(place)
            return
        for number, item in enumerate(element.value):
            self.look(item, rule.items, f"{place[0]}[{number}].")

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
