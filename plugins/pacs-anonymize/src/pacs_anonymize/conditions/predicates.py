"""What a condition is made of. All of it can be pickled: anonymizers go to other processes."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from pydicom import Dataset

from pacs_anonymize.conditions.attributes import Attribute

__all__ = ["All", "Condition", "Contains", "Exists", "Matches", "Not", "OneOf", "Predicate", "Some"]


class Predicate(Protocol):
    """Says yes or no to an instance; raises `NotAnonymized` where it cannot tell."""

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Exists:
    """The attribute is there with a value."""

    attribute: Attribute

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds."""
        return self.attribute.is_in(dataset)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the attribute's values is among ``wanted``."""

    attribute: Attribute
    wanted: frozenset[str | float]

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds."""
        return any(value in self.wanted for value in self.attribute.values(dataset))


@dataclass(frozen=True, slots=True)
class Matches:
    """One of the attribute's values matches ``pattern``: ``*``, ``?`` and ``[…]`` as in a shell."""

    attribute: Attribute
    pattern: str

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds."""
        return any(
            fnmatchcase(str(value), self.pattern) for value in self.attribute.values(dataset)
        )


@dataclass(frozen=True, slots=True)
class Contains:
    """One of the attribute's values has ``part`` in it, in small or capital letters."""

    attribute: Attribute
    part: str

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds."""
        part = self.part.casefold()
        return any(part in str(value).casefold() for value in self.attribute.values(dataset))


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Predicate

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds."""
        return not self.part(dataset)


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Predicate, ...]

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds."""
        return all(part(dataset) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple[Predicate, ...]

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds."""
        return any(part(dataset) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition and the text that it was written as."""

    text: str
    predicate: Predicate

    def __call__(self, dataset: Dataset, /) -> bool:
        """Whether it holds for an instance as it was before anything of it was changed."""
        return self.predicate(dataset)

    def __str__(self) -> str:
        return self.text
