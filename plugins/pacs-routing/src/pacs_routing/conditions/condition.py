"""A condition that is ready to be asked about instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from pacs_routing.conditions.checking import (
    Checked,
    CheckedAll,
    CheckedAny,
    CheckedNot,
    Test,
    check,
)
from pacs_routing.conditions.parsing import parse
from pacs_routing.conditions.subjects import Subject

__all__ = ["Condition", "Facts", "Finding"]


class Facts(Protocol):
    """What is known of an instance."""

    def values(self, subject: Subject, /) -> Sequence[str]:
        """The values of an attribute or a fact as text without padding; none where it is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one comparison: ``found`` are the values that it was asked about."""

    text: str
    found: tuple[str, ...]
    holds: bool


class Condition:
    """What ``text`` says. Raises `ConditionError` with line and column for what it cannot mean.

    A comparison is true where one value of an attribute fits, in any item of the sequences on the
    way; ``!=`` and ``not in`` are true where none does, and where there is no value.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._checked = check(parse(text))

    @classmethod
    def read(cls, text: str) -> Condition:
        """The same, remembered: rules are asked about each instance."""
        return _remembered(text)

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def subjects(self) -> Iterator[Subject]:
        """What it asks about."""
        return (test.subject for test in _tests(self._checked))

    def holds(self, facts: Facts) -> bool:
        """Whether it is true of an instance; asks for no more than it takes to know."""
        return _holds(self._checked, facts)

    def findings(self, facts: Facts) -> list[Finding]:
        """Each comparison with what was found, in their order, also where others had decided."""
        return [_finding(test, facts) for test in _tests(self._checked)]


@lru_cache(maxsize=256)
def _remembered(text: str) -> Condition:
    return Condition(text)


def _tests(node: Checked) -> Iterator[Test]:
    match node:
        case Test():
            yield node
        case CheckedNot(part=part):
            yield from _tests(part)
        case CheckedAll(parts=parts) | CheckedAny(parts=parts):
            for part in parts:
                yield from _tests(part)


def _holds(node: Checked, facts: Facts) -> bool:
    match node:
        case Test():
            return any(map(node.fits, facts.values(node.subject))) != node.negated
        case CheckedNot(part=part):
            return not _holds(part, facts)
        case CheckedAll(parts=parts):
            return all(_holds(part, facts) for part in parts)
        case CheckedAny(parts=parts):
            return any(_holds(part, facts) for part in parts)


def _finding(test: Test, facts: Facts) -> Finding:
    found = tuple(facts.values(test.subject))
    return Finding(text=test.text, found=found, holds=any(map(test.fits, found)) != test.negated)
