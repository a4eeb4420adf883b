"""A condition as it was written: a tree of comparisons, not yet known to make sense."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pacs_routing.conditions.errors import Place
from pacs_routing.conditions.tokens import Token

__all__ = ["All", "AnyOf", "Comparison", "Expression", "Literal", "Negation", "Operator"]


class Operator(StrEnum):
    """How an attribute is compared."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    IN = "in"
    NOT_IN = "not in"
    BETWEEN = "between"
    MATCHES = "matches"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out: text or a number."""

    value: str | float
    place: Place


@dataclass(frozen=True, slots=True)
class Comparison:
    """An attribute, by its steps through sequences, and what it is compared with."""

    path: tuple[Token, ...]
    operator: Operator
    literals: tuple[Literal, ...]
    place: Place
    """That of the operator."""


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
