"""Which rules are true of an instance, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_framework.conditions import Facts, Finding
    from pacs_routing.settings import Rule

__all__ = ["Judged", "firing", "judged", "tags_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a rule: it fired, it did not, or it was not asked because an earlier one was
    the ``last``. ``known``: whether it is true does not depend on a value that cannot be read.
    ``findings`` are its comparisons, also where it was not asked.
    """

    rule: Rule
    asked: bool
    fired: bool
    known: bool
    findings: Sequence[Finding]


def firing(rules: Iterable[Rule], facts: Facts) -> Iterator[Rule]:
    """The rules that are true of an instance, in order, up to one that is the ``last``."""
    for rule in rules:
        if _verdict(rule, facts) is True:
            yield rule
            if rule.last:
                return


def judged(rules: Iterable[Rule], facts: Facts) -> list[Judged]:
    """The same, told of every rule."""
    found: list[Judged] = []
    over = False
    for rule in rules:
        condition = rule.condition()
        findings = [] if condition is None else condition.findings(facts)
        verdict = _verdict(rule, facts)
        fired = not over and verdict is True
        found.append(
            Judged(
                rule=rule,
                asked=not over,
                fired=fired,
                known=verdict is not None,
                findings=findings,
            )
        )
        over = over or (fired and rule.last)
    return found


def tags_of(rules: Iterable[Rule]) -> frozenset[int]:
    """The attributes that rules ask about: of those in a sequence, the sequence."""
    conditions = (rule.condition() for rule in rules)
    return frozenset(
        subject.tags[0]
        for condition in conditions
        if condition is not None
        for subject in condition.subjects()
        if subject.tags
    )


def _verdict(rule: Rule, facts: Facts) -> bool | None:
    condition = rule.condition()
    return True if condition is None else condition.verdict(facts)
