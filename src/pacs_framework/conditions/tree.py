"""A condition as it was written: a tree of comparisons, not yet known to make sense.

Places are no part of what a tree says: two trees are equal that say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pacs_framework.conditions.errors import Place

__all__ = ["All", "AnyOf", "Comparison", "Expression", "Literal", "Negation", "Operator", "Step"]


class Operator(StrEnum):
    """How an attribute is compared."""

    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    IN = "in"
    BETWEEN = "between"
    MATCHES = "matches"
    CONTAINS = "contains"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Step:
    """The keyword or tag of an attribute, or the name of a fact."""

    text: str
    place: Place = field(compare=False)

    @property
    def is_tag(self) -> bool:
        """Whether it looks like ``(0008,0060)``."""
        return self.text.startswith("(")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out: text or a number."""

    value: str | float
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """An attribute, by its steps through sequences, and what it is compared with.

    ``negated``: ``!=``, ``not in``, ``not matches`` … ``place`` is that of the operator.
    """

    path: tuple[Step, ...]
    operator: Operator
    literals: tuple[Literal, ...]
    place: Place = field(compare=False)
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Negation:
    """``not``."""

    part: Expression


@dataclass(frozen=True, slots=True)
class All:
    """``and``."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``or``."""

    parts: tuple[Expression, ...]


Expression = Comparison | Negation | All | AnyOf
