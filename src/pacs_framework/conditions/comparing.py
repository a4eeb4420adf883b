"""What a comparison asks of each value: a function, made once when a condition is read."""

from __future__ import annotations

import operator as op
from collections.abc import Callable
from typing import Any, TypeAlias

from pacs_framework.conditions import literals
from pacs_framework.conditions.errors import ConditionError
from pacs_framework.conditions.kinds import NAME, Kind
from pacs_framework.conditions.printing import literal_text
from pacs_framework.conditions.subjects import Subject
from pacs_framework.conditions.tree import Comparison, Literal, Operator
from pacs_framework.dicom.matching import matches_value
from pacs_framework.dicom.wildcards import compile_wildcard

__all__ = ["Fits", "comparison_of"]

Fits: TypeAlias = Callable[[str | None], bool | None]
"""Whether a value fits; None for one that nobody can read as what it should be."""

_SIZE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.LESS: op.lt,
    Operator.AT_MOST: op.le,
    Operator.MORE: op.gt,
    Operator.AT_LEAST: op.ge,
}


def comparison_of(comparison: Comparison, subject: Subject) -> Fits:
    """What ``comparison`` asks of each value, negated or not. Raises `ConditionError`."""
    operator, kind = comparison.operator, subject.kind
    if operator is Operator.EXISTS:
        return _of_text(lambda _value: True)
    if kind.literal is None:
        message = f"{subject.name} is {kind.name}: only exists can be asked of it"
        raise ConditionError(message, comparison.place)
    if operator in (Operator.MATCHES, Operator.CONTAINS):
        return _of_text(_like(comparison, subject))
    wanted = [_read(literal, subject) for literal in comparison.literals]
    if operator in (Operator.EQUAL, Operator.IN):
        return _of_kind(kind, lambda found: any(kind.equal(found, each) for each in wanted))
    if not kind.ordered:
        raise ConditionError(
            f"{subject.name} is {kind.name}, which is neither more nor less than another: "
            "write =, !=, in, matches or contains",
            comparison.place,
        )
    if operator is Operator.BETWEEN:
        return _of_kind(kind, _between(kind, wanted[0], wanted[1], comparison))
    within = _SIZE[operator]
    return _of_kind(kind, lambda found: within(found, wanted[0]))


def _of_kind(kind: Kind, fits: Callable[[Any], bool]) -> Fits:
    def known(value: str | None) -> bool | None:
        found = None if value is None else kind.value(value)
        return None if found is None else fits(found)

    return known


def _of_text(fits: Callable[[str], bool]) -> Fits:
    return lambda value: None if value is None else fits(value)


def _read(literal: Literal, subject: Subject) -> Any:
    kind = subject.kind
    assert kind.literal is not None, "comparison_of looks"
    said = literal_text(literal)
    if isinstance(literal.value, str) == kind.numeric:
        remedy = "without quotation marks" if kind.numeric else f'as "{said}"'
        message = f"{said}: {subject.name} is {kind.name}, so write it {remedy}"
        raise ConditionError(message, literal.place)
    return _accepted(kind.literal, literal, subject)


def _accepted(reading: Callable[[Any], Any], literal: Literal, subject: Subject) -> Any:
    try:
        return reading(literal.value)
    except ValueError as error:
        message = f"{literal_text(literal)}, for {subject.name}, {error}"
        raise ConditionError(message, literal.place) from None


def _between(kind: Kind, low: Any, high: Any, comparison: Comparison) -> Callable[[Any], bool]:
    if low <= high:
        return lambda found: bool(low <= found <= high)
    if kind.cyclic:  # over midnight
        return lambda found: bool(found >= low or found <= high)
    raise ConditionError(
        "nothing lies between them: the first is more than the second", comparison.place
    )


def _like(comparison: Comparison, subject: Subject) -> Callable[[str], bool]:
    (literal,) = comparison.literals
    operator, kind = comparison.operator, subject.kind
    if not kind.as_text:
        message = f"{operator} compares text; {subject.name} is {kind.name}"
        raise ConditionError(message, comparison.place)
    if not isinstance(literal.value, str):
        said = literal_text(literal)
        raise ConditionError(f'{said}: {operator} compares text, so write "{said}"', literal.place)
    if operator is Operator.CONTAINS:
        part = _accepted(literals.part, literal, subject)
        return lambda value: part in value.casefold()
    if kind == NAME:
        name = _accepted(literals.name_pattern, literal, subject)
        return lambda value: matches_value("PN", name, value)
    return compile_wildcard(_accepted(literals.pattern, literal, subject))
