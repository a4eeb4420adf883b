"""The usual keys of searches, each value a row of an index: which instances can match at all.

Indexed is what the tables of PS3.4 require as matching keys (`Model.required`, `Model.indexed`), at
the top and in sequences: text, UIDs and dates. It tells a superset; what matches is decided by
`pacs_framework.dicom.matching`, on the attributes themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydicom.datadict import dictionary_VR, keyword_for_tag

from pacs_framework.dicom.matching import (
    date_bounds,
    has_wildcard,
    is_empty_value_key,
    literal_prefix,
    normalise_date,
    values_of,
)
from pacs_non_patient.categories import BY_CATEGORY, BY_CLASS
from pacs_non_patient.tables import key

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

    from pacs_framework.dicom.matching import MatchingRules
    from pacs_non_patient.categories import Model

__all__ = ["conditions_of", "values_in"]

_TEXT = frozenset({"CS", "LO", "SH"})
_VRS = _TEXT | {"UI", "DA"}
_LONGEST = 128  # characters of a value; LO has 64, and nobody validates
_DEEPEST = 512  # characters of a path; PostgreSQL indexes no row of more than 2700 bytes
_MOST_UIDS = 500
_LAST = "\U0010ffff"  # behind every character

_INDEXED = {
    category: frozenset(name for each in models for name in (*each.required, *each.indexed))
    for category, models in BY_CATEGORY.items()
}
"""Of each category and not of each model: a search by HTTP is about all models of a category."""


def values_in(attributes: Dataset, sop_class_uid: str) -> frozenset[tuple[str, str]]:
    """Name and value of each key that an instance of this class is found by."""
    names = _INDEXED[BY_CLASS[sop_class_uid].category]
    return frozenset(
        (path, _indexed(str(dictionary_VR(element.tag)), value))
        for path, element in _leaves(attributes, names)
        for value in values_of(element)
    )


def conditions_of(
    keys: Dataset, models: Sequence[Model], rules: MatchingRules
) -> Iterator[sa.ColumnElement[bool]]:
    """What has to be true of a row of the index, for each of the ``keys`` that it knows.

    None where case is not to count: the index has values as they are.
    """
    if rules.ignore_case:
        return
    names = frozenset.intersection(*(_INDEXED[model.category] for model in models))
    for path, element in _leaves(keys, names, asked=True):
        holds = _holds(element)
        if holds is not None:
            yield sa.and_(key.c.name == path, holds)


def _leaves(
    dataset: Dataset, names: frozenset[str], path: str = "", *, asked: bool = False
) -> Iterator[tuple[str, DataElement]]:
    """The elements below ``names`` with their paths. Of a sequence that is ``asked`` for, only one
    with a single item says what has to be there (PS3.4 C.2.2.2.6).
    """
    for element in dataset:
        keyword = keyword_for_tag(element.tag)
        if not keyword or not (path or keyword in names) or len(path) > _DEEPEST:
            continue
        if element.VR == "SQ":
            items = element.value or ()
            for item in items if len(items) == 1 or not asked else ():
                yield from _leaves(item, names, f"{path}{keyword}.", asked=asked)
        elif dictionary_VR(element.tag) in _VRS:
            yield path + keyword, element


def _indexed(vr: str, value: str) -> str:
    """As it stands in the index; a date in its one form, where it is a date."""
    return (normalise_date(value) if vr == "DA" else "") or _kept(value)


def _kept(value: str) -> str:
    """What both engines keep, character by character, so that beginnings stay beginnings: no NUL,
    and no halves of characters. The matcher knows better.
    """
    return value[:_LONGEST].replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


def _holds(element: DataElement) -> sa.ColumnElement[bool] | None:
    """What a key asks of a value; None where any may match."""
    values = values_of(element)
    vr = str(element.VR)
    if vr != dictionary_VR(element.tag) or is_empty_value_key(element) or not values:
        return None
    if vr == "UI":
        return _uid_holds(values)
    if len(values) > 1:
        return None
    return _date_holds(values[0]) if vr == "DA" else _text_holds(values[0])


def _uid_holds(values: Sequence[str]) -> sa.ColumnElement[bool] | None:
    if len(values) > _MOST_UIDS:
        return None
    return key.c.value.in_([_kept(each) for each in values])


def _text_holds(wanted: str) -> sa.ColumnElement[bool] | None:
    prefix = _kept(literal_prefix(wanted))
    if not has_wildcard(wanted):
        return key.c.value == prefix
    return sa.and_(key.c.value >= prefix, key.c.value <= prefix + _LAST) if prefix else None


def _date_holds(wanted: str) -> sa.ColumnElement[bool] | None:
    try:
        bounds = date_bounds(wanted)
    except ValueError:
        return key.c.value == _kept(wanted)
    if bounds is None:
        return key.c.value == _indexed("DA", wanted)
    ends = [key.c.value >= bounds.low] if bounds.low else []
    return sa.and_(*ends, key.c.value <= (bounds.high or "") + _LAST)
