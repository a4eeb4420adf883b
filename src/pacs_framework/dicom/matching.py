"""Attribute matching, to the letter of PS3.4 C.2.2.2, on decoded data sets.

A `Matcher` is made once from an identifier and asked about any number of candidates. It knows
nothing of levels, databases or transport. What the standard leaves open is decided here:

* text is compared without leading and trailing spaces, and case counts except in person names;
* a key with several values, also of another VR than UI, matches when any of its values does;
* an attribute with several values matches when any of them does;
* a candidate without the attribute, or with an empty one, matches universal keys alone;
* numbers (IS, DS and the binary VRs) are compared as numbers;
* of a DA, TM or DT key that cannot be read, only the same text matches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VM, keyword_for_tag, tag_for_keyword
from pydicom.errors import BytesLengthException

from pacs_framework.dicom.moments import (
    Bounds,
    date_bounds,
    datetime_bounds,
    normalise_date,
    normalise_datetime,
    normalise_moment,
    normalise_time,
    time_bounds,
)
from pacs_framework.dicom.name_words import fuzzy_name_matcher
from pacs_framework.dicom.person_names import normalise_person_name, person_name_matcher
from pacs_framework.dicom.wildcards import compile_wildcard, has_wildcard, literal_prefix

__all__ = [
    "EMPTY_VALUE_KEY",
    "LITERAL",
    "Bounds",
    "Elements",
    "Matcher",
    "MatchingRules",
    "date_bounds",
    "datetime_bounds",
    "has_wildcard",
    "is_empty_value_key",
    "literal_prefix",
    "matches_value",
    "normalise_date",
    "normalise_datetime",
    "normalise_person_name",
    "normalise_time",
    "time_bounds",
    "values_of",
]

ValueTest: TypeAlias = Callable[[str], bool]

EMPTY_VALUE_KEY = '""'
"""A key of two quotation marks asks for absent or empty attributes, where that was negotiated."""

# PS3.4 C.2.2.2.7 and C.2.2.2.8 list them.
_EMPTY_VALUE_VRS = frozenset(
    {"AE", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"}
)
_MULTIPLE_VALUE_VRS = frozenset({"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"})

# Attributes that say how to read an identifier; they are never matched (PS3.4 C.2.2.2, C.4.1.1.3).
_NOT_KEYS = frozenset(
    tag_for_keyword(keyword)
    for keyword in ("SpecificCharacterSet", "QueryRetrieveLevel", "TimezoneOffsetFromUTC")
)

# PS3.4 C.2.2.2.4 lists them; PN has its own rules.
_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
_LEADING_SPACE_COUNTS = frozenset({"LT", "ST", "UT"})
_NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})


def _no_case(text: str) -> str:
    return text.casefold()


def _case(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRules:
    """What is agreed on besides the baseline, as by extended negotiation (PS3.4 C.5.1.1).

    ``combined_datetime``: a date key and its time key together name one range of moments
    (C.2.2.2.5.4). ``fuzzy_names``: person names match by their words (`name_words`).
    ``empty_values``: a key ``""`` matches absent and empty attributes (C.2.2.2.7).
    ``multiple_values``: where an attribute may have several values, each one of the key has to
    match (C.2.2.2.8). ``ignore_case``: also in VRs other than PN, against the standard.
    """

    combined_datetime: bool = False
    fuzzy_names: bool = False
    empty_values: bool = False
    multiple_values: bool = False
    ignore_case: bool = False


LITERAL = MatchingRules()
"""The baseline, where nothing is agreed on."""


class Elements(Protocol):
    """What a `Matcher` is asked about: a data set, or what gives elements as one does."""

    def get(self, tag: int, /) -> DataElement | None:
        """The element of a tag, None where there is none."""


class Matcher:
    """Says which data sets match an identifier, by what was agreed on."""

    def __init__(self, identifier: Dataset, rules: MatchingRules = LITERAL) -> None:
        self._tests = list(_tests(identifier, rules))

    @property
    def universal(self) -> bool:
        """Whether every data set matches."""
        return not self._tests

    def matches(self, candidate: Elements) -> bool:
        """Whether a data set matches all keys."""
        return all(test(candidate) for test in self._tests)


_Test: TypeAlias = Callable[[Elements], bool]


def _tests(identifier: Dataset, rules: MatchingRules) -> Iterator[_Test]:
    """One test for each key that is not universal."""
    combined: set[int] = set()
    if rules.combined_datetime:
        for date, time in _date_time_pairs(identifier):
            combined |= {date.tag, time.tag}
            yield _combined_test(date, time)
    for element in identifier:
        if element.tag in _NOT_KEYS or element.tag in combined or element.tag.element == 0:
            continue
        test = _element_test(element, rules)
        if test is not None:
            yield test


def _element_test(element: DataElement, rules: MatchingRules) -> _Test | None:
    """The test of one key; None when it is universal (PS3.4 C.2.2.2.3)."""
    tag = int(element.tag)
    if element.VR == "SQ":
        return _sequence_test(tag, element.value or (), rules)
    if rules.empty_values and is_empty_value_key(element):
        return lambda candidate: not values_of(_found(candidate, tag))
    keys = values_of(element)
    every = rules.multiple_values and _may_have_several(element)
    if "*" in keys and element.VR in _WILDCARD_VRS | {"PN"}:
        keys = [key for key in keys if key != "*"] if every else []
    if not keys:
        return None
    tests = [_value_test(str(element.VR), key, rules) for key in keys]
    together = all if every else any

    def matches(candidate: Elements) -> bool:
        values = values_of(_found(candidate, tag))
        return together(any(map(test, values)) for test in tests)

    return matches


def is_empty_value_key(element: DataElement) -> bool:
    """Whether a key asks for empty attributes, where that is agreed on (PS3.4 C.2.2.2.7)."""
    return element.VR in _EMPTY_VALUE_VRS and values_of(element) == [EMPTY_VALUE_KEY]


def _may_have_several(key: DataElement) -> bool:
    """Whether Multiple Value Matching is for this attribute: by its VR and its multiplicity."""
    return (
        key.VR in _MULTIPLE_VALUE_VRS
        and dictionary_has_tag(key.tag)
        and dictionary_VM(key.tag) != "1"
    )


def _sequence_test(tag: int, items: Iterable[Dataset], rules: MatchingRules) -> _Test | None:
    """Sequence matching (PS3.4 C.2.2.2.6): any item of the candidate matches any of the key's."""
    matchers = [Matcher(item, rules) for item in items]
    if any(matcher.universal for matcher in matchers) or not matchers:
        return None

    def matches(candidate: Elements) -> bool:
        element = _found(candidate, tag)
        found = element.value if element is not None and element.VR == "SQ" else ()
        return any(matcher.matches(item) for item in found or () for matcher in matchers)

    return matches


def _found(candidate: Elements, tag: int) -> DataElement | None:
    """An element of a candidate; None also when its value cannot be decoded."""
    try:
        return candidate.get(tag)
    except (ArithmeticError, BytesLengthException, NotImplementedError, TypeError, ValueError):
        return None


def values_of(element: DataElement | None) -> list[str]:
    """The values of an element as text without padding; none when it is absent or empty."""
    value: Any = element.value if element is not None else None
    if element is None or value is None or value == "":
        return []
    values = value if element.VM > 1 and not isinstance(value, str | bytes) else [value]
    strip = str.rstrip if element.VR in _LEADING_SPACE_COUNTS else str.strip
    texts = [strip(str(item), " \0") for item in values]
    return [text for text in texts if text]


def matches_value(vr: str, key: str, value: str) -> bool:
    """Whether one value of an attribute matches one key that is not empty, by its VR."""
    return _value_test(vr, key, LITERAL)(value)


def _value_test(vr: str, key: str, rules: MatchingRules) -> ValueTest:
    """The test of one value of a key (PS3.4 C.2.2.2.1, C.2.2.2.4, C.2.2.2.5)."""
    if vr == "PN":
        return fuzzy_name_matcher(key) if rules.fuzzy_names else person_name_matcher(key)
    if vr in _MOMENT_TESTS:
        return _MOMENT_TESTS[vr](key)
    if vr in _NUMBER_VRS:
        return _number_test(key)
    fold = _no_case if rules.ignore_case else _case
    wanted = fold(key)
    if vr in _WILDCARD_VRS and has_wildcard(wanted):
        test = compile_wildcard(wanted)
        return lambda value: test(fold(value))
    return lambda value: fold(value) == wanted


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _number_test(key: str) -> ValueTest:
    wanted = _number(key)
    if wanted is None:
        return lambda value: value == key
    return lambda value: _number(value) == wanted


def _moment_test(
    key: str, bounds_of: Callable[[str], Bounds | None], normalise: Callable[[str], str]
) -> ValueTest:
    """Range matching, or single value matching of the same moment in whatever form."""
    try:
        bounds = bounds_of(key)
    except ValueError:
        return lambda value: value == key
    if bounds is None:
        wanted = normalise(key)
        return lambda value: normalise(value) == wanted if wanted else value == key

    def within(value: str) -> bool:
        form = normalise(value)
        return bool(form) and bounds.hold(form)

    return within


_MOMENT_TESTS: dict[str, Callable[[str], ValueTest]] = {
    "DA": lambda key: _moment_test(key, date_bounds, normalise_date),
    "TM": lambda key: _moment_test(key, time_bounds, normalise_time),
    "DT": lambda key: _moment_test(key, datetime_bounds, normalise_moment),
}


def _date_time_pairs(identifier: Dataset) -> Iterator[tuple[DataElement, DataElement]]:
    """Date keys with their time keys, both readable, at least one of them a range."""
    for date in identifier:
        keyword = keyword_for_tag(date.tag)
        if date.VR != "DA" or not keyword.endswith("Date"):
            continue
        time = identifier.get(tag_for_keyword(keyword.removesuffix("Date") + "Time") or -1)
        if time is None or len(values_of(date)) != 1 or len(values_of(time)) != 1:
            continue
        if _combined_bounds(values_of(date)[0], values_of(time)[0]) is not None:
            yield date, time


def _combined_bounds(date: str, time: str) -> Bounds | None:
    """One range from a date key and a time key, of which at least one is a range."""
    try:
        dates, times = date_bounds(date), time_bounds(time)
    except ValueError:
        return None
    if dates is None and times is None:
        return None
    days = dates or Bounds(normalise_date(date), normalise_date(date))
    hours = times or Bounds(normalise_time(time), normalise_time(time, high=True))
    if not (days.low or days.high) or not (hours.low or hours.high):
        return None
    low = days.low + (hours.low or normalise_time("00")) if days.low else ""
    high = days.high + (hours.high or normalise_time("23", high=True)) if days.high else ""
    return Bounds(low=low, high=high)


def _combined_test(date: DataElement, time: DataElement) -> _Test:
    """Combined date-time matching (PS3.4 C.2.2.2.5.4); a missing time counts as midnight."""
    bounds = _combined_bounds(values_of(date)[0], values_of(time)[0])
    assert bounds is not None, "_date_time_pairs checks"
    date_tag, time_tag = int(date.tag), int(time.tag)

    def matches(candidate: Elements) -> bool:
        times = values_of(_found(candidate, time_tag)) or [""]
        moments = (
            normalise_datetime(day, times[0]) for day in values_of(_found(candidate, date_tag))
        )
        return any(moment and bounds.hold(moment) for moment in moments)

    return matches
