"""Instances that wait for others of their series or study, and whether all of these are there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_routing.completeness import Complete, CompleteBy
from pacs_routing.performed import is_performed
from pacs_routing.timers import hasten, timer, timer_key

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.index.lookup import IndexedInstance
    from pacs_framework.jobs import JobOrder
    from pacs_routing.facts import InstanceFacts
    from pacs_routing.settings import Rule

__all__ = ["Gathering", "counting_attributes"]


def counting_attributes(rules: Iterable[Rule]) -> frozenset[str]:
    """The attributes that tell rules how many instances there are."""
    return frozenset(rule.count for rule in rules if isinstance(rule.count, str))


@dataclass(slots=True)
class _Waiting:
    """One timer: the rule, an instance that came of what it waits for, and how many there are to
    be; 0: nobody knows.
    """

    rule: Rule
    facts: IndexedInstance
    expected: int = 0


class Gathering:
    """What waits of some arrivals, each series or study once for a rule."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._waiting: dict[str, _Waiting] = {}

    def add(self, rule: Rule, facts: IndexedInstance, about: InstanceFacts) -> None:
        """An instance waits by ``rule``."""
        found = self._waiting.setdefault(timer_key(rule, facts), _Waiting(rule, facts))
        if CompleteBy.COUNT in rule.complete_by:
            count = rule.count
            told = count if isinstance(count, int) else about.number(count)
            found.expected = max(found.expected, told)

    def timers(self, at: dt.datetime) -> Iterator[JobOrder]:
        """Jobs that let them go, to be put in together with these."""
        for each in self._waiting.values():
            yield timer(self._archive, each.rule, each.facts, at)

    def let_go(self) -> None:
        """Have timers go off of what is complete.

        To be called when they are in the queue: who tells in the meantime that a study is complete
        finds them there.
        """
        for each in self._waiting.values():
            if self._is_complete(each):
                hasten(
                    self._archive,
                    each.rule,
                    study=each.facts.study_instance_uid,
                    series=each.facts.series_instance_uid,
                )

    def _is_complete(self, each: _Waiting) -> bool:
        study = each.facts.study_instance_uid
        if CompleteBy.MPPS in each.rule.complete_by and is_performed(self._archive, study):
            return True
        return bool(each.expected) and self._stored(each) >= each.expected

    def _stored(self, each: _Waiting) -> int:
        """How many instances are stored of the series or of the study."""
        if each.rule.complete is Complete.STUDY:
            return self._archive.lookup.count_of_study(each.facts.study_instance_uid)
        keys = Dataset()
        keys.StudyInstanceUID = each.facts.study_instance_uid
        keys.SeriesInstanceUID = each.facts.series_instance_uid
        keys.NumberOfSeriesRelatedInstances = None
        found = self._archive.query.find(Level.SERIES, Root.STUDY, keys)
        return sum(int(answer.NumberOfSeriesRelatedInstances or 0) for answer in found)
