"""Instances that match, read page by page (PS3.4 U.4.1, X.4.1, BB.4.1, HH.4.1, II.4.1).

Every attribute can be a key, whether the table of its model has it or not. An index names what may
match by the usual ones (`pacs_non_patient.keys`); the rest is decided by `dicom.matching`, on the
attributes that were noted when an instance was stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_framework.dicom.answering import matched_keys
from pacs_framework.dicom.matching import (
    LITERAL,
    Matcher,
    MatchingRules,
    date_bounds,
    time_bounds,
    values_of,
)
from pacs_framework.dicom.packed import unpack
from pacs_non_patient.categories import Model
from pacs_non_patient.keys import conditions_of

if TYPE_CHECKING:
    from pacs_non_patient.collection import Collection

__all__ = ["find", "values_under"]

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
    for attributes in collection.attributes(classes, _candidates(collection, keys, models, rules)):
        candidate = unpack(attributes)
        if matcher.matches(candidate):
            yield candidate


def _candidates(
    collection: Collection, keys: Dataset, models: Sequence[Model], rules: MatchingRules
) -> list[str] | None:
    """The UIDs of what may match, by the index; None where all have to be looked at."""
    uids = values_under(keys, "SOPInstanceUID")
    if 0 < len(uids) <= _MOST_UIDS:
        return sorted(set(uids))
    return collection.named(list(conditions_of(keys, models, rules)))


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
