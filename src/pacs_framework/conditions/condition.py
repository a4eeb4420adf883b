"""A condition that is ready to be asked about instances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

from pacs_framework.conditions.checking import (
    Checked,
    CheckedAll,
    CheckedAny,
    CheckedNot,
    Test,
    check,
)
from pacs_framework.conditions.errors import ConditionError
from pacs_framework.conditions.parsing import parse
from pacs_framework.conditions.subjects import ATTRIBUTES, Subject, Vocabulary

__all__ = ["Condition", "Facts", "Finding"]

_UNREADABLE = "(unreadable)"


class Facts(Protocol):
    """What is known of an instance."""

    def values(self, subject: Subject, /) -> Sequence[str | None]:
        """The values of an attribute or a fact as text without padding; none where it is absent
        or empty, and None for one that cannot be decoded, so that nobody knows what it is.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one comparison with ``subject``: ``text`` says it, ``found`` are the values
    that it was asked about, and ``holds`` is None where that is not known.
    """

    subject: Subject
    text: str
    found: tuple[str, ...]
    holds: bool | None


@dataclass(frozen=True)
class Condition:
    """What ``text`` says of what is in ``vocabulary``.

    Raises `ConditionError` with line and column for what it cannot mean. Two are equal that say the
    same text about the same; they can be pickled where the kinds of their facts can.

    A comparison is true where one value of an attribute fits, in any item of the sequences on the
    way; ``!=`` and ``not in`` are true where none does, and where there is no value. Where no value
    fits, and one cannot be read, nobody knows: neither is it true then, nor its negation. ``and``,
    ``or`` and ``not`` are those of Kleene's three-valued logic, as in SQL.
    """

    text: str
    vocabulary: Vocabulary = ATTRIBUTES

    def __post_init__(self) -> None:
        """Read it: a mistake is found before it is asked of anything."""
        _ = self._checked

    @cached_property
    def _checked(self) -> Checked:
        expression = parse(self.text)
        try:
            return check(expression, self.vocabulary)
        except ConditionError as error:
            raise error.within(self.text) from None

    @classmethod
    def read(cls, text: str, vocabulary: Vocabulary = ATTRIBUTES) -> Condition:
        """The same, remembered: rules are asked about each instance."""
        return _remembered(text, vocabulary)

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[Condition], tuple[str, Vocabulary]]:
        """Read anew where it goes to: comparisons are functions."""
        return type(self), (self.text, self.vocabulary)

    def subjects(self) -> Iterator[Subject]:
        """What it asks about."""
        return (test.subject for test in _tests(self._checked))

    def holds(self, facts: Facts) -> bool:
        """Whether it is known to be true of an instance; asks for no more than it takes to know."""
        return self.verdict(facts) is True

    def verdict(self, facts: Facts) -> bool | None:
        """Whether it is true; None where that depends on a value that cannot be read."""
        return _verdict(self._checked, facts)

    def findings(self, facts: Facts) -> list[Finding]:
        """Each comparison with what was found, in their order, also where others had decided."""
        return [_finding(test, facts) for test in _tests(self._checked)]


@lru_cache(maxsize=256)
def _remembered(text: str, vocabulary: Vocabulary) -> Condition:
    return Condition(text, vocabulary)


def _tests(node: Checked) -> Iterator[Test]:
    match node:
        case Test():
            yield node
        case CheckedNot(part=part):
            yield from _tests(part)
        case CheckedAll(parts=parts) | CheckedAny(parts=parts):
            for part in parts:
                yield from _tests(part)


def _verdict(node: Checked, facts: Facts) -> bool | None:
    match node:
        case Test():
            return _of_values(node, facts.values(node.subject))
        case CheckedNot(part=part):
            found = _verdict(part, facts)
            return None if found is None else not found
        case CheckedAll(parts=parts):
            return _decided(parts, facts, by=False)
        case CheckedAny(parts=parts):
            return _decided(parts, facts, by=True)


def _decided(parts: Iterable[Checked], facts: Facts, *, by: bool) -> bool | None:
    """``by`` as soon as one part is that, else the opposite, where every part is known."""
    known = True
    for part in parts:
        found = _verdict(part, facts)
        if found is by:
            return by
        known = known and found is not None
    return not by if known else None


def _of_values(test: Test, values: Iterable[str | None]) -> bool | None:
    known = True
    for value in values:
        fits = test.fits(value)
        if fits:
            return not test.negated
        known = known and fits is not None
    return test.negated if known else None


def _finding(test: Test, facts: Facts) -> Finding:
    found = facts.values(test.subject)
    return Finding(
        subject=test.subject,
        text=test.text,
        found=tuple(_UNREADABLE if value is None else value for value in found),
        holds=_of_values(test, found),
    )
