"""From a tree to one whose comparisons make sense: attributes exist, and values fit them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pacs_framework.dicom.matching import matches_value
from pacs_framework.dicom.wildcards import compile_wildcard
from pacs_routing.conditions.errors import ConditionError
from pacs_routing.conditions.kinds import NAME, Kind
from pacs_routing.conditions.subjects import Subject, subject_of
from pacs_routing.conditions.tree import (
    All,
    AnyOf,
    Comparison,
    Expression,
    Literal,
    Negation,
    Operator,
)

__all__ = ["Checked", "CheckedAll", "CheckedAny", "CheckedNot", "Test", "check"]


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison: true where ``fits`` says so of any value of the subject.

    ``negated`` turns that around: it is then true where no value fits, and where there is none.
    """

    subject: Subject
    text: str
    fits: Callable[[str], bool]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class CheckedNot:
    """``not``."""

    part: Checked


@dataclass(frozen=True, slots=True)
class CheckedAll:
    """``and``."""

    parts: tuple[Checked, ...]


@dataclass(frozen=True, slots=True)
class CheckedAny:
    """``or``."""

    parts: tuple[Checked, ...]


_NEGATED = frozenset({Operator.UNEQUAL, Operator.NOT_IN})
_EQUALITY = frozenset({Operator.EQUAL, Operator.IN}) | _NEGATED

Checked = Test | CheckedNot | CheckedAll | CheckedAny


def check(expression: Expression) -> Checked:
    """The same, ready to be asked. Raises `ConditionError`."""
    match expression:
        case Comparison():
            return _test(expression)
        case Negation(part=part):
            return CheckedNot(check(part))
        case All(parts=parts):
            return CheckedAll(tuple(check(part) for part in parts))
        case AnyOf(parts=parts):
            return CheckedAny(tuple(check(part) for part in parts))


def _test(comparison: Comparison) -> Test:
    subject = subject_of(comparison.path)
    fits = _fits(comparison, subject)
    negated = comparison.operator in _NEGATED
    return Test(subject, _shown(subject, comparison), fits, negated)


def _fits(comparison: Comparison, subject: Subject) -> Callable[[str], bool]:
    operator, kind = comparison.operator, subject.kind
    if operator is Operator.EXISTS:
        return lambda _value: True
    if kind.literal is None:
        raise ConditionError(
            f"{subject.name} is {kind.name}: only exists can be asked of it", comparison.place
        )
    if operator is Operator.MATCHES:
        return _matches(comparison, subject)
    wanted = [_read(literal, kind, subject) for literal in comparison.literals]
    if operator in _EQUALITY:
        return lambda value: _is_one_of(kind, value, wanted)
    if not kind.ordered:
        raise ConditionError(
            f"{subject.name} is {kind.name}, which is neither more nor less than another: "
            "write =, !=, in or matches",
            comparison.place,
        )
    if operator is Operator.BETWEEN:
        return _between(kind, wanted[0], wanted[1], comparison)
    within = _ORDER[operator]
    return lambda value: _holds(within, kind.value(value), wanted[0])


def _read(literal: Literal, kind: Kind, subject: Subject) -> Any:
    assert kind.literal is not None, "_fits looks"
    said = _literal(literal)
    if isinstance(literal.value, str) == kind.numeric:
        remedy = "without quotation marks" if kind.numeric else f'as "{said}"'
        message = f"{said}: {subject.name} is {kind.name}, so write it {remedy}"
        raise ConditionError(message, literal.place)
    try:
        return kind.literal(literal.value)
    except ValueError as error:
        raise ConditionError(f"{said}, for {subject.name}, {error}", literal.place) from None


def _is_one_of(kind: Kind, value: str, wanted: list[Any]) -> bool:
    found = kind.value(value)
    return found is not None and any(kind.equal(found, each) for each in wanted)


def _holds(within: Callable[[Any, Any], bool], found: Any, wanted: Any) -> bool:
    return found is not None and within(found, wanted)


_ORDER: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.LESS: lambda found, wanted: found < wanted,
    Operator.AT_MOST: lambda found, wanted: found <= wanted,
    Operator.MORE: lambda found, wanted: found > wanted,
    Operator.AT_LEAST: lambda found, wanted: found >= wanted,
}


def _between(kind: Kind, low: Any, high: Any, comparison: Comparison) -> Callable[[str], bool]:
    if low <= high:
        return lambda value: _holds(lambda found, _: low <= found <= high, kind.value(value), None)
    if kind.cyclic:  # over midnight
        return lambda value: _holds(
            lambda found, _: found >= low or found <= high, kind.value(value), None
        )
    raise ConditionError(
        "nothing lies between them: the first is more than the second", comparison.place
    )


def _matches(comparison: Comparison, subject: Subject) -> Callable[[str], bool]:
    (literal,) = comparison.literals
    if not subject.kind.wildcards or not isinstance(literal.value, str):
        raise ConditionError(
            f"matches compares text with wildcards; {subject.name} is {subject.kind.name}",
            comparison.place,
        )
    pattern = literal.value
    if subject.kind is NAME:
        return lambda value: matches_value("PN", pattern, value)
    return compile_wildcard(pattern)


def _shown(subject: Subject, comparison: Comparison) -> str:
    said = [_literal(literal) for literal in comparison.literals]
    match comparison.operator:
        case Operator.EXISTS:
            return f"{subject.name} exists"
        case Operator.IN | Operator.NOT_IN:
            return f"{subject.name} {comparison.operator} [{', '.join(said)}]"
        case Operator.BETWEEN:
            return f"{subject.name} between {said[0]} and {said[1]}"
        case operator:
            return f"{subject.name} {operator} {said[0]}"


def _literal(literal: Literal) -> str:
    value = literal.value
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"
