"""Attributes of requests, checked by rules: what is taken, filled in, replaced or refused.

A value that the IOD does not have is refused (0106H). One that it has and this printer has not is
replaced by the printer's own, which the warning 0116H tells (PS3.7 C.5.3): defined terms of print
are open lists, and a film with another magnification is a film.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_print.services.statuses import PrintStatus

__all__ = [
    "Reading",
    "Rule",
    "Value",
    "dataset_of",
    "density",
    "enumerated",
    "item_of",
    "missing",
    "number",
    "position_of",
    "read",
    "refused",
    "tag",
    "term",
    "text",
    "unused",
]

Value: TypeAlias = str | int

_PASSED_OVER = frozenset({0x00080005, 0x00080016, 0x00080018})  # character set, UIDs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One attribute. ``check`` gives the value that holds, raises ValueError for one that cannot
    be; ``default`` is that of a new instance, None for none. ``warning`` tells of another value.
    """

    keyword: str
    default: Value | None
    check: Callable[[Any], Value]
    warning: int = Status.ATTRIBUTE_VALUE_OUT_OF_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What holds, by keyword, and the warning for what was replaced or not known."""

    values: dict[str, Value] = field(default_factory=dict)
    status: int = Status.SUCCESS
    attributes: Sequence[int] = ()


def tag(keyword: str) -> int:
    """The tag of an attribute of the dictionary."""
    found = tag_for_keyword(keyword)
    assert found is not None, keyword
    return found


def enumerated(keyword: str, values: Collection[str], default: str | None = None) -> Rule:
    """Enumerated Values (PS3.5 section 6.3): there can be no others."""

    def check(value: Any) -> str:
        if str(value) not in values:
            raise ValueError(f"{value!r} is none of {', '.join(values)}")
        return str(value)

    return Rule(keyword=keyword, default=default, check=check)


def term(keyword: str, values: Collection[str], default: str, *, strict: bool = False) -> Rule:
    """Defined Terms of which this printer has some; others are its default, or, where that would
    not be what was asked for at all (``strict``), an error.
    """
    if strict:
        return enumerated(keyword, values, default)
    return Rule(
        keyword=keyword,
        default=default,
        check=lambda value: str(value) if str(value) in values else default,
    )


def number(
    keyword: str,
    least: int,
    most: int,
    default: int | None = None,
    warning: int = Status.ATTRIBUTE_VALUE_OUT_OF_RANGE,
) -> Rule:
    """A whole number; one out of range is the nearest that is in it."""
    return Rule(
        keyword=keyword,
        default=default,
        check=lambda value: min(max(int(value), least), most),
        warning=warning,
    )


def density(keyword: str, least: int, most: int, default: Value) -> Rule:
    """BLACK, WHITE, or hundredths of OD within what the printer has."""

    def check(value: Any) -> str:
        if str(value) in ("BLACK", "WHITE"):
            return str(value)
        return str(min(max(int(value), least), most))

    return Rule(keyword=keyword, default=str(default), check=check)


def unused(keyword: str, warning: int = Status.ATTRIBUTE_VALUE_OUT_OF_RANGE) -> Rule:
    """An attribute of which this printer heeds no value; whoever sends one is told."""
    return Rule(keyword=keyword, default=None, check=lambda _: "", warning=warning)


def text(keyword: str, default: str | None = None) -> Rule:
    """Any text; control characters, which no film and not every database has, are left out."""
    return Rule(
        keyword=keyword,
        default=default,
        check=lambda value: "".join(c for c in str(value) if c.isprintable() or c.isspace()),
    )


def read(
    dataset: Dataset,
    rules: Iterable[Rule],
    *,
    known: Collection[str] = (),
    fixed: Collection[str] = (),
    creating: bool = False,
) -> Reading:
    """The values of ``dataset`` by ``rules``; ``known`` are attributes that others look at.

    Where an instance is created, what is missing or empty has its default. ``fixed`` are those that
    cannot be set any more (0105H). Raises `NormalizedFailure` with the tags of all values that
    cannot be.
    """
    unchangeable = [tag(keyword) for keyword in fixed if tag(keyword) in dataset]
    if unchangeable:
        raise NormalizedFailure(
            "an attribute that cannot be set any more",
            status=Status.NO_SUCH_ATTRIBUTE,
            attributes=unchangeable,
        )
    by_tag = {tag(rule.keyword): rule for rule in rules}
    values: dict[str, Value] = {}
    if creating:
        values = {r.keyword: r.default for r in by_tag.values() if r.default is not None}
    wrong: dict[int, str] = {}
    replaced: dict[int, int] = {}
    for number_, rule in by_tag.items():
        if number_ not in dataset or dataset[number_].is_empty:
            continue
        given = _plain(dataset[number_].value)
        try:
            values[rule.keyword] = rule.check(given)
        except ValueError as error:
            wrong[number_] = f"{rule.keyword}: {error}"
            continue
        if str(values[rule.keyword]) != str(given):
            replaced[number_] = rule.warning
    if wrong:
        raise refused("; ".join(wrong.values()), wrong)
    seen = {*by_tag, *map(tag, known), *_PASSED_OVER}
    return _reading(values, replaced, [e.tag for e in dataset if e.tag not in seen])


def _reading(
    values: dict[str, Value], replaced: Mapping[int, int], strange: Sequence[int]
) -> Reading:
    if replaced:
        # A status of print says more than one of all services.
        status = max(replaced.values(), key=lambda code: code in set(PrintStatus))
        told = [number_ for number_, code in replaced.items() if code == status]
        return Reading(values=values, status=status, attributes=told)
    if strange:
        return Reading(values=values, status=Status.ATTRIBUTE_LIST_ERROR, attributes=strange)
    return Reading(values=values)


def _plain(value: Any) -> Any:
    """Several values as one text, as print has them in Image Display Format."""
    if isinstance(value, str | int):
        return value
    return "\\".join(map(str, value)) if isinstance(value, Sequence) else str(value)


def refused(why: str, tags: Iterable[int]) -> NormalizedFailure:
    """0106H for these attributes."""
    return NormalizedFailure(why, status=Status.INVALID_ATTRIBUTE_VALUE, attributes=[*tags])


def missing(dataset: Dataset, *keywords: str) -> None:
    """Raise `NormalizedFailure` where one of them is not there (0120H) or has no value (0121H)."""
    absent = [tag(k) for k in keywords if tag(k) not in dataset]
    if absent:
        raise NormalizedFailure(
            f"without {', '.join(k for k in keywords if tag(k) in absent)}",
            status=Status.MISSING_ATTRIBUTE,
            attributes=absent,
        )
    empty = [tag(k) for k in keywords if dataset[k].is_empty]
    if empty:
        raise NormalizedFailure(
            f"no value of {', '.join(k for k in keywords if tag(k) in empty)}",
            status=Status.MISSING_ATTRIBUTE_VALUE,
            attributes=empty,
        )


def position_of(dataset: Dataset, keyword: str, most: int) -> int:
    """A position on a film, from 1 to ``most``. Raises `NormalizedFailure` for another value."""
    value = dataset[keyword].value
    if not isinstance(value, int) or not 1 <= value <= most:
        raise refused(f"there is no position {value!r}; the film has {most}", [tag(keyword)])
    return int(value)


def item_of(dataset: Dataset, keyword: str) -> Dataset | None:
    """The one item of a sequence; None where it is not there or empty. Raises
    `NormalizedFailure` for more than one.
    """
    if tag(keyword) not in dataset or dataset[keyword].is_empty:
        return None
    items = dataset[keyword].value
    if len(items) != 1:
        raise refused(f"{keyword} has {len(items)} items, not one", [tag(keyword)])
    item: Dataset = items[0]
    return item


def dataset_of(values: Mapping[str, Value]) -> Dataset:
    """Values by keyword as a response has them; those that are not heeded are left out."""
    dataset = Dataset()
    for keyword, value in values.items():
        if value != "":
            setattr(dataset, keyword, value)
    return dataset
