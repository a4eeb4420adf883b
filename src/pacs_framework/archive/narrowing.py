"""From keys to conditions: what the database can leave out before matching decides.

Every condition here lets through at least what PS3.4 C.2.2.2 matches. Where a rule of matching has
no safe form in SQL (numbers, times of day, sequences) there is no condition, and
`pacs_framework.dicom.matching` decides alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydicom.valuerep import VR

from pacs_framework.archive.key_plan import KeyPlan, ValueColumn
from pacs_framework.dicom.matching import (
    LITERAL,
    Bounds,
    MatchingRules,
    date_bounds,
    has_wildcard,
    is_empty_value_key,
    literal_prefix,
    normalise_date,
    normalise_person_name,
    values_of,
)
from pacs_framework.dicom.name_words import APOSTROPHE, words_of_key
from pacs_framework.index.conditions import (
    MOST_VALUES,
    Between,
    Blank,
    Condition,
    Contains,
    ContainsWord,
    OneOf,
    OtherGroups,
    StartsWith,
    bindable,
)
from pacs_framework.index.schema import patient, study

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from sqlalchemy import Column

__all__ = ["Alternatives", "combine", "decided", "narrow", "one_of"]

_VALUES_AT_ONCE = 500
_LITERAL_VRS = frozenset({VR.UI})
_WILDCARD_VRS = frozenset({VR.AE, VR.CS, VR.LO, VR.LT, VR.SH, VR.ST, VR.UC, VR.UR, VR.UT})
_LONGEST_WORD = 64  # characters of a pattern: databases refuse very long ones
_AFTER_ANY_TIME = "99"  # sorts behind each time of the day
_is_plain_uid = re.compile(r"[0-9.]+").fullmatch
_NOT_PLAIN = re.compile(r"(?:[^a-z0-9]|ss)+")  # ß is ss when case is ignored

Alternatives = list[list[Condition]]
"""What one key lets through: any of these, each of them all of its conditions."""


def narrow(plan: KeyPlan, rules: MatchingRules = LITERAL) -> Sequence[Sequence[Condition]]:
    """The conditions of a plan as alternatives: their results, one after the other, hold every
    match once.
    """
    sources = dict(plan.own)
    sources.update({tag: s for tag, (level, s) in plan.lists.items() if level == plan.level})
    choices = [
        _alternatives(source, plan.key(tag), rules, own=tag in plan.own)
        for tag, source in sources.items()
        if tag in plan.matched
    ]
    return combine(choices)


def decided(plan: KeyPlan) -> set[int]:
    """The matched keys of the entity that `narrow` leaves nothing of to decide: UIDs, which match
    where they are the same text.
    """
    return {
        tag
        for tag in plan.matched.intersection(plan.own)
        if plan.own[tag].vr in _LITERAL_VRS and all(map(_is_plain_uid, values_of(plan.key(tag))))
    }


def combine(choices: Iterable[Alternatives]) -> list[list[Condition]]:
    """Every way to take one alternative of each key."""
    return [list(itertools.chain(*parts)) for parts in itertools.product(*choices)]


def one_of(column: Column[Any], values: Sequence[str]) -> Alternatives:
    """One of a list of values, in as many queries as the number of bound parameters asks for."""
    distinct = sorted(set(values))
    return [
        [OneOf(column=column, among=tuple(distinct[i : i + _VALUES_AT_ONCE]))]
        for i in range(0, len(distinct), _VALUES_AT_ONCE)
    ]


def _alternatives(
    source: ValueColumn, element: DataElement, rules: MatchingRules, *, own: bool
) -> Alternatives:
    """What one key allows: alternatives of no, one or more conditions each.

    ``own``: the column is that of the entity, and not one below it.
    """
    if rules.empty_values and is_empty_value_key(element):
        return [[Blank(column=source.column)]] if own else [[]]
    values = [bindable(value) for value in values_of(element)]
    if source.vr in _LITERAL_VRS:
        return _among(source, values, own=own)
    if source.vr == VR.DA and len(values) == 1:
        return [_date(source, values[0])]
    if source.vr == VR.PN and len(values) == 1:
        words = words_of_key(values[0]) if rules.fuzzy_names else None
        return _words(source, words) if words else _person_name(source, values[0])
    if source.vr in _WILDCARD_VRS:
        return _text(source, values, own=own)
    return [[]]


def _among(source: ValueColumn, values: Sequence[str], *, own: bool) -> Alternatives:
    """One of a list of values. Of a column below the entity in a single query: several would find
    an entity as often as there are parts of the list with something of it. A list that is too long
    for that narrows nothing.
    """
    if own:
        return one_of(source.column, values)
    distinct = sorted(set(values))
    if len(distinct) > MOST_VALUES:
        return [[]]
    return [[OneOf(column=source.column, among=tuple(distinct))]]


def _text(source: ValueColumn, values: Sequence[str], *, own: bool) -> Alternatives:
    if not any(has_wildcard(value) for value in values):
        # Whoever asks for what was answered, several values, is to find it again.
        return _among(source, [*values, "\\".join(values)], own=own)
    if len(values) > 1:
        return [[]]
    pattern = _escaped(values[0]).replace("*", "%").replace("?", "_")
    found: list[Condition] = [Contains(column=source.column, pattern=pattern)]
    prefix = literal_prefix(values[0])
    if prefix:
        found.append(StartsWith(column=source.column, prefix=prefix))
    return [found]


def _escaped(text: str) -> str:
    """Text that stands for itself in a LIKE pattern."""
    return re.sub(r"[\\%_]", r"\\\g<0>", text)


def _date(source: ValueColumn, value: str) -> list[Condition]:
    """A date or a range of dates (PS3.4 C.2.2.2.5)."""
    day = normalise_date(value)
    bounds = Bounds(low=day, high=day) if day else _date_range(value)
    if bounds is None:
        return []
    if source.column is study.c.study_date:
        end = bounds.high + _AFTER_ANY_TIME if bounds.high else ""
        return [Between(column=study.c.study_datetime_search, low=bounds.low, high=end)]
    # Stored as received, so perhaps YYYY.MM.DD, which sorts before every YYYYMMDD of its year.
    low = bounds.low[:4] + "." if bounds.low else ""
    return [Between(column=source.column, low=low, high=bounds.high)]


def _date_range(value: str) -> Bounds | None:
    try:
        return date_bounds(value)
    except ValueError:
        return None


def _person_name(source: ValueColumn, value: str) -> Alternatives:
    if source.column is not patient.c.patient_name:
        return [_any_person_name(source.column, value)]
    column = patient.c.patient_name_search
    prefix = normalise_person_name(literal_prefix(value.partition("=")[0])).rstrip("^ ")
    if not prefix:
        return [_any_person_name(column, value)]
    first = StartsWith(column=column, prefix=prefix)
    if "=" in value:
        return [[first]]
    pattern = f"%={_escaped(prefix)}%"
    return [[first], [OtherGroups(column=column, prefix=prefix, pattern=pattern)]]


def _words(source: ValueColumn, words: Sequence[Collection[str]]) -> Alternatives:
    """All words of a name, each in one of its spellings, anywhere."""
    cut = ({spelling[:_LONGEST_WORD] for spelling in word} for word in words)
    return [
        [
            ContainsWord(column=source.column, spellings=tuple(sorted(word)), ignored=APOSTROPHE)
            for word in cut
        ]
    ]


def _any_person_name(column: Column[Any], value: str) -> list[Condition]:
    """Plain letters and digits in their order: safe whatever case, accents and delimiters do."""
    runs = [run for run in _NOT_PLAIN.split(normalise_person_name(value)) if run]
    if not runs:
        return []
    return [Contains(column=column, pattern=f"%{'%'.join(runs)}%", fold=True)]
