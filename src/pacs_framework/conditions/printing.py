"""A tree as text: `parsing.parse` makes the same tree of it."""

from __future__ import annotations

from decimal import Decimal

from pacs_framework.conditions.tree import (
    All,
    AnyOf,
    Comparison,
    Expression,
    Literal,
    Negation,
    Operator,
)

__all__ = ["comparison_text", "literal_text", "text_of"]


def text_of(expression: Expression) -> str:
    """A condition in its usual spelling, with parentheses where they are needed."""
    match expression:
        case Comparison():
            return comparison_text(expression)
        case Negation(part=part):
            return f"not {_in_parentheses(part, (All, AnyOf))}"
        case All(parts=parts):
            return " and ".join(_in_parentheses(part, (All, AnyOf)) for part in parts)
        case AnyOf(parts=parts):
            return " or ".join(_in_parentheses(part, (AnyOf,)) for part in parts)


def _in_parentheses(part: Expression, needed: tuple[type, ...]) -> str:
    text = text_of(part)
    return f"({text})" if isinstance(part, needed) else text


def comparison_text(comparison: Comparison) -> str:
    """One comparison in its usual spelling."""
    name = ".".join(step.text for step in comparison.path)
    return " ".join((name, _operator(comparison), *_operands(comparison)))


def _operator(comparison: Comparison) -> str:
    operator = comparison.operator
    if not comparison.negated:
        return str(operator)
    return "!=" if operator is Operator.EQUAL else f"not {operator}"


def _operands(comparison: Comparison) -> tuple[str, ...]:
    said = [literal_text(literal) for literal in comparison.literals]
    match comparison.operator:
        case Operator.EXISTS:
            return ()
        case Operator.IN:
            return (f"[{', '.join(said)}]",)
        case Operator.BETWEEN:
            return said[0], "and", said[1]
        case _:
            return (said[0],)


def literal_text(literal: Literal) -> str:
    """A value as it is written; numbers without exponent."""
    value = literal.value
    if isinstance(value, float):
        digits = format(Decimal(repr(value)), "f")
        return digits.removesuffix(".0")
    return f"'{value}'" if '"' in value else f'"{value}"'
