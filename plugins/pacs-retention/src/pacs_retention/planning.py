"""Which studies are to go by which rule, and which of them have to stay.

Nothing here touches the archive: a plan follows from the studies, the rules and the moment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacs_framework.config.types import format_size
from pacs_retention.settings import By, Unit

if TYPE_CHECKING:
    from pacs_framework.index.inventory import StudyFacts
    from pacs_retention.settings import Rule, Settings

__all__ = ["Held", "Plan", "Step", "moment_of", "planned", "selected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One study that is to go: by which rule, and ``why``."""

    study: StudyFacts
    rule: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One study that a rule would take, and ``why`` it stays."""

    study: StudyFacts
    rule: str
    why: str


@dataclass(slots=True)
class Plan:
    """What goes in the next cycle, in this order, and what would go but for something.

    ``due`` is when a rule will want more, as far as is known; ``more`` says that it wants more than
    one cycle may take.
    """

    steps: list[Step] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    due: dt.datetime | None = None
    more: bool = False

    def wait_until(self, moment: dt.datetime) -> None:
        """Something is due then."""
        self.due = moment if self.due is None else min(self.due, moment)


def planned(studies: Sequence[StudyFacts], settings: Settings, now: dt.datetime) -> Plan:
    """What goes at ``now``. A study is taken by the first rule that wants it."""
    plan = Plan()
    taken: set[int] = set()
    for rule in settings.rules:
        _Ruling(rule, settings, now, plan, taken).carry_out(studies)
    return plan


def selected(rule: Rule, studies: Iterable[StudyFacts]) -> Iterator[StudyFacts]:
    """The studies that a rule is for."""
    for study in studies:
        if (
            (not rule.modality or study.modalities.intersection(rule.modality))
            and (not rule.source or study.sources.intersection(rule.source))
            and (not rule.label or study.labels.intersection(rule.label))
            and not study.labels.intersection(rule.except_label)
        ):
            yield study


def moment_of(rule: Rule, study: StudyFacts) -> dt.datetime:
    """From when on a study counts as old as it is."""
    if rule.by is By.STUDY_DATE:
        try:
            day = dt.date.fromisoformat(study.study_date)
        except ValueError:
            return study.last
        return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    return study.last


@dataclass(frozen=True, slots=True)
class _Group:
    """Studies that go together, or stay."""

    moment: dt.datetime
    studies: tuple[StudyFacts, ...]

    @property
    def size(self) -> int:
        return sum(study.size for study in self.studies)

    @property
    def order(self) -> tuple[dt.datetime, str]:
        return self.moment, self.studies[0].study_instance_uid


class _Ruling:
    """One rule on its way through the studies; ``taken`` holds what earlier ones took, by id."""

    def __init__(
        self, rule: Rule, settings: Settings, now: dt.datetime, plan: Plan, taken: set[int]
    ) -> None:
        self._rule = rule
        self._settings = settings
        self._now = now
        self._plan = plan
        self._taken = taken
        self._held: set[int] = set()
        self._count = 0
        self._size = 0
        self._full = False

    def carry_out(self, studies: Sequence[StudyFacts]) -> None:
        """Take what is too old, then what is too much; the oldest first."""
        mine = [each for each in selected(self._rule, studies) if id(each) not in self._taken]
        self._by_age(mine)
        self._by_size(mine)
        self._by_patients(mine)

    def _by_age(self, mine: Sequence[StudyFacts]) -> None:
        age = self._rule.age
        if age is None:
            return
        for group in self._groups(mine, self._rule.unit):
            if group.moment + age >= self._now:
                self._plan.wait_until(group.moment + age)
                return
            self._take(group, f"older than {self._rule.days:g} days")

    def _by_size(self, mine: Sequence[StudyFacts]) -> None:
        limit = self._rule.max_size
        if limit is None:
            return
        excess = sum(study.size for study in self._left(mine)) - limit
        for group in self._groups(mine, self._rule.unit):
            if excess <= 0:
                return
            if self._take(group, f"more than {format_size(limit)} in all"):
                excess -= group.size

    def _by_patients(self, mine: Sequence[StudyFacts]) -> None:
        limit = self._rule.max_patients
        if limit is None:
            return
        groups = self._groups(mine, Unit.PATIENT)
        excess = len(groups) - limit
        for group in groups:
            if excess <= 0:
                return
            if self._take(group, f"more than {limit} patients"):
                excess -= 1

    def _left(self, mine: Sequence[StudyFacts]) -> list[StudyFacts]:
        return [study for study in mine if id(study) not in self._taken]

    def _groups(self, mine: Sequence[StudyFacts], unit: Unit) -> list[_Group]:
        """What is not taken yet, oldest first."""
        groups: dict[object, list[StudyFacts]] = {}
        for study in self._left(mine):
            whose = study.patient if unit is Unit.PATIENT else id(study)
            groups.setdefault(whose, []).append(study)
        made = (
            _Group(max(moment_of(self._rule, study) for study in each), tuple(each))
            for each in groups.values()
        )
        return sorted(made, key=lambda group: group.order)

    def _take(self, group: _Group, why: str) -> bool:
        """Whether it goes: now, or in one of the next cycles."""
        if self._is_held(group):
            return False
        if self._is_full(group):
            self._full = self._plan.more = True
            return True
        self._count += len(group.studies)
        self._size += group.size
        for study in group.studies:
            self._taken.add(id(study))
            self._plan.steps.append(Step(study=study, rule=self._rule.name, why=why))
        return True

    def _is_full(self, group: _Group) -> bool:
        """Whether the cycle has no room for more; once it has not, nothing younger goes either."""
        rule = self._rule
        return self._full or (
            self._count > 0
            and (
                self._count + len(group.studies) > rule.cycle_studies
                or self._size + group.size > rule.cycle_size
            )
        )

    def _is_held(self, group: _Group) -> bool:
        """Of what goes together, one that has to stay keeps the others."""
        reasons = [(study, self._why_held(study)) for study in group.studies]
        for study, why in reasons:
            if why and id(study) not in self._held:
                self._held.add(id(study))
                self._plan.held.append(Held(study=study, rule=self._rule.name, why=why))
        return any(why for _, why in reasons)

    def _why_held(self, study: StudyFacts) -> str:
        if study.protected:
            return "protected"
        if self._settings.wait_for_consumers and not study.delivered:
            # Nobody tells when a consumer has caught up.
            self._plan.wait_until(self._now + dt.timedelta(seconds=self._settings.pause))
            return "not seen by all consumers of the change feed"
        quiet = study.last + dt.timedelta(seconds=self._settings.quiet)
        if quiet > self._now:
            self._plan.wait_until(quiet)
            return "just came in"
        return ""
