"""What a modality asks for: the identifier of a C-FIND, and what follows from it (PS3.4 K.6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from pacs_framework.dicom.answering import matched_keys
from pacs_framework.dicom.matching import (
    Bounds,
    Matcher,
    MatchingRules,
    date_bounds,
    has_wildcard,
    normalise_date,
    time_bounds,
)
from pacs_framework.errors import QueryError
from pacs_worklist.steps import STEPS, copy_of, step_of, values

__all__ = ["WorklistQuery"]

_DATE = "ScheduledProcedureStepStartDate"
_TIME = "ScheduledProcedureStepStartTime"
_NO_WILDCARDS = frozenset({"DA", "TM", "DT", "UI", "IS", "DS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistQuery:
    """A query, who asks, and under which AE title.

    ``identifier`` has at most one item in Scheduled Procedure Step Sequence, else it is a
    `QueryError`. ``most`` is how many matches are of use, 0 for all of them: a source may stop
    after one more. ``now`` is the local time, without a zone, as dates of the worklist are.
    """

    identifier: Dataset
    calling_aet: str = ""
    called_aet: str = ""
    most: int = 0
    now: dt.datetime = field(default_factory=dt.datetime.now)
    _matchers: tuple[Matcher, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.identifier.get(STEPS) or ()) > 1:
            raise QueryError("identifier: more than one item in Scheduled Procedure Step Sequence")
        object.__setattr__(self, "_matchers", tuple(_matchers(self.identifier)))

    @property
    def step(self) -> Dataset:
        """The keys inside Scheduled Procedure Step Sequence."""
        return step_of(self.identifier)

    @property
    def days(self) -> Bounds | None:
        """The start dates that can match, both ends included and either one open (empty); None
        where any can.
        """
        keys = values(self.step, _DATE)
        if len(keys) != 1:
            return None
        try:
            bounds = date_bounds(keys[0])
        except ValueError:
            return None
        if bounds is not None:
            return bounds
        day = normalise_date(keys[0])
        return Bounds(low=day, high=day) if day else None

    def values(self, keyword: str) -> tuple[str, ...]:
        """The values that an attribute, at the top or inside the step, has to be one of.

        None are returned where the key is absent, universal, or holds a wild card: then any can
        match.
        """
        for keys in (self.step, self.identifier):
            wanted = values(keys, keyword)
            if wanted:
                wild = keys[keyword].VR not in _NO_WILDCARDS and any(map(has_wildcard, wanted))
                return () if wild else tuple(wanted)
        return ()

    def matches(self, item: Dataset) -> bool:
        """Whether a data set with a single step matches all keys."""
        return all(matcher.matches(item) for matcher in self._matchers)


def _matchers(identifier: Dataset) -> list[Matcher]:
    """Two ranges in date and time of the start are one range of moments (PS3.4 Table K.6-1)."""
    keys = matched_keys(identifier)
    step = step_of(keys)
    if not (_is_range(step, _DATE) and _is_range(step, _TIME)):
        return [Matcher(keys)]
    start, rest = Dataset(), copy_of(step)
    for keyword in (_DATE, _TIME):
        start[keyword] = step[keyword]
        del rest[keyword]
    moments = Dataset()
    setattr(moments, STEPS, Items([start]))
    setattr(keys, STEPS, Items([rest]))
    return [Matcher(keys), Matcher(moments, MatchingRules(combined_datetime=True))]


def _is_range(step: Dataset, keyword: str) -> bool:
    keys = values(step, keyword)
    bounds_of = date_bounds if keyword == _DATE else time_bounds
    try:
        return len(keys) == 1 and bounds_of(keys[0]) is not None
    except ValueError:
        return False
