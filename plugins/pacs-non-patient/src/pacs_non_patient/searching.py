"""Instances that match, read page by page (PS3.4 U.4.1, X.4.1, BB.4.1, HH.4.1, II.4.1).

Every attribute can be a key, whether the table of its model has it or not. SQL narrows by class,
UID and label; the rest is decided by `dicom.matching`, on the attributes that were noted when an
instance was stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

from pacs_framework.dicom.answering import matched_keys
from pacs_framework.dicom.matching import (
    LITERAL,
    Matcher,
    MatchingRules,
    date_bounds,
    has_wildcard,
    literal_prefix,
    time_bounds,
    values_of,
)
from pacs_framework.dicom.packed import unpack
from pacs_non_patient.categories import Model
from pacs_non_patient.tables import instance

if TYPE_CHECKING:
    from pacs_non_patient.collection import Collection

__all__ = ["find", "values_under"]

_PAGE = 50
_TEXT_VRS = frozenset({"CS", "LO", "SH"})
_LAST = "\U0010ffff"  # behind every character
_MOST_UIDS = 500  # of more than that, the matcher decides alone
_MOMENT = (("InstanceCreationDate", date_bounds), ("InstanceCreationTime", time_bounds))


def find(
    collection: Collection,
    models: Sequence[Model],
    identifier: Dataset,
    rules: MatchingRules = LITERAL,
) -> Iterator[Dataset]:
    """The attributes of each instance of ``models`` that matches, by UID. Raises `PacsError`.

    Two ranges in date and time of creation are one range of moments (PS3.4 Table HH.6-1).
    """
    keys = matched_keys(identifier)
    if _is_range_of_moments(keys):
        rules = replace(rules, combined_datetime=True)
    matcher = Matcher(keys, rules)
    classes = [sop_class for model in models for sop_class in model.storage]
    narrowed = list(_narrowed(keys, models))
    last = ""
    while True:
        page = collection.page(classes, last, _PAGE, narrowed)
        for _, attributes in page:
            candidate = unpack(attributes)
            if matcher.matches(candidate):
                yield candidate
        if len(page) < _PAGE:
            return
        last = page[-1][0].sop_instance_uid


def _narrowed(keys: Dataset, models: Sequence[Model]) -> Iterator[sa.ColumnElement[bool]]:
    """What of the keys the database decides: a superset of what matches, by its indexes."""
    uids = values_under(keys, "SOPInstanceUID")
    if 0 < len(uids) <= _MOST_UIDS:
        yield instance.c.sop_instance_uid.in_(uids)
    if len(models) > 1:
        return  # each has another label
    names = values_under(keys, models[0].label)
    if len(names) != 1 or dictionary_VR(models[0].label) not in _TEXT_VRS:
        return
    prefix = literal_prefix(names[0])
    if not has_wildcard(names[0]):
        yield instance.c.label == prefix
    elif prefix:
        yield sa.and_(instance.c.label >= prefix, instance.c.label <= prefix + _LAST)


def values_under(dataset: Dataset, keyword: str) -> list[str]:
    """The values of a key as text; none where it is absent or universal."""
    return values_of(dataset.get(tag_for_keyword(keyword) or keyword))


def _is_range_of_moments(keys: Dataset) -> bool:
    for keyword, bounds_of in _MOMENT:
        values = values_under(keys, keyword)
        try:
            if len(values) != 1 or bounds_of(values[0]) is None:
                return False
        except ValueError:
            return False
    return True
