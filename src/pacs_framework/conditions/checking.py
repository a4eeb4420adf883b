"""From a tree to one whose comparisons make sense: attributes exist, and values fit them."""

from __future__ import annotations

from dataclasses import dataclass

from pacs_framework.conditions.comparing import Fits, comparison_of
from pacs_framework.conditions.printing import comparison_text
from pacs_framework.conditions.subjects import Subject, Vocabulary
from pacs_framework.conditions.tree import All, AnyOf, Comparison, Expression, Negation

__all__ = ["Checked", "CheckedAll", "CheckedAny", "CheckedNot", "Test", "check"]


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison: true where ``fits`` says so of any value of the subject.

    ``negated`` turns that around: it is then true where no value fits, and where there is none.
    """

    subject: Subject
    text: str
    fits: Fits
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


Checked = Test | CheckedNot | CheckedAll | CheckedAny


def check(expression: Expression, vocabulary: Vocabulary) -> Checked:
    """The same, ready to be asked. Raises `ConditionError`."""
    match expression:
        case Comparison():
            subject = vocabulary.subject(expression.path)
            fits = comparison_of(expression, subject)
            return Test(subject, comparison_text(expression), fits, expression.negated)
        case Negation(part=part):
            return CheckedNot(check(part, vocabulary))
        case All(parts=parts):
            return CheckedAll(tuple(check(part, vocabulary) for part in parts))
        case AnyOf(parts=parts):
            return CheckedAny(tuple(check(part, vocabulary) for part in parts))
