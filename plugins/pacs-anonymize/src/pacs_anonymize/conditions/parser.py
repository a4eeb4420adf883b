"""From text to a condition, by recursive descent.

::

    some   = all { "or" all }
    all    = not { "and" not }
    not    = "not" not | part
    part   = "(" some ")" | "exists" KEYWORD | KEYWORD comparison
    comparison = ( "==" | "!=" ) value | [ "not" ] "in" "[" value { "," value } "]"
               | [ "not" ] ( "matches" | "contains" ) TEXT
"""

from __future__ import annotations

from pydicom import uid as known_uids
from pydicom.uid import UID

from pacs_anonymize.conditions.attributes import Attribute, Type, attribute_named
from pacs_anonymize.conditions.predicates import (
    All,
    Condition,
    Contains,
    Exists,
    Matches,
    Not,
    OneOf,
    Predicate,
    Some,
)
from pacs_anonymize.conditions.tokens import ConditionError, Kind, Token, tokens
from pacs_framework.dicom.uids import is_valid_uid

__all__ = ["parse_condition"]

_RESERVED = {"and", "or", "not", "in", "matches", "contains", "exists"}
_DEEPEST = 50
"""Nested parentheses and negations; nobody writes more, and Python's own stack has an end."""


def parse_condition(text: str) -> Condition:
    """The condition that ``text`` says. Raises `ConditionError` with the column."""
    return Condition(text, _Parser(text).whole())


class _Parser:
    """Goes over the tokens once."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._depth = 0

    @property
    def _next(self) -> Token:
        return self._tokens[0]

    def _at_end(self) -> bool:
        return self._next.kind is Kind.END

    def _take(self) -> Token:
        return self._next if self._at_end() else self._tokens.pop(0)

    def _is(self, text: str, kind: Kind = Kind.WORD) -> bool:
        return self._next.kind is kind and self._next.text == text

    def _skip(self, text: str, kind: Kind = Kind.WORD) -> bool:
        """Take the next token if it is this one."""
        if self._is(text, kind):
            self._take()
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._skip(text, Kind.SYMBOL):
            raise ConditionError(f"{text!r} is expected, not {self._next}", self._next.column)

    def whole(self) -> Predicate:
        """All of the text."""
        if self._at_end():
            raise ConditionError("the condition is empty", self._next.column)
        predicate = self._some()
        if not self._at_end():
            raise ConditionError(
                f"'and', 'or' or the end is expected, not {self._next}", self._next.column
            )
        return predicate

    def _some(self) -> Predicate:
        parts = [self._all()]
        while self._skip("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _all(self) -> Predicate:
        parts = [self._not()]
        while self._skip("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self) -> Predicate:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ConditionError(f"more than {_DEEPEST} levels deep", self._next.column)
        predicate: Predicate = Not(self._not()) if self._skip("not") else self._part()
        self._depth -= 1
        return predicate

    def _part(self) -> Predicate:
        if self._skip("(", Kind.SYMBOL):
            predicate = self._some()
            self._expect(")")
            return predicate
        if self._skip("exists"):
            return Exists(self._attribute())
        return self._comparison(self._attribute())

    def _attribute(self) -> Attribute:
        token = self._take()
        if token.kind is not Kind.WORD or token.text in _RESERVED:
            raise ConditionError(
                f"the keyword of an attribute is expected, not {token}", token.column
            )
        return attribute_named(token)

    def _comparison(self, attribute: Attribute) -> Predicate:
        operator = self._take()
        negated = operator.kind is Kind.WORD and operator.text == "not"
        word = self._take() if negated else operator
        if word.kind is Kind.WORD and word.text in ("in", "matches", "contains"):
            made = self._in(attribute) if word.text == "in" else self._like(attribute, word.text)
            return Not(made) if negated else made
        if negated or word.kind is not Kind.SYMBOL or word.text not in ("==", "!="):
            words = "'in', 'matches' or 'contains'"
            expected = words if negated else f"'==', '!=', {words}"
            raise ConditionError(f"{expected} is expected, not {word}", word.column)
        equal = OneOf(attribute, frozenset({self._value(attribute)}))
        return equal if word.text == "==" else Not(equal)

    def _in(self, attribute: Attribute) -> Predicate:
        self._expect("[")
        wanted = [self._value(attribute)]
        while self._skip(",", Kind.SYMBOL):
            wanted.append(self._value(attribute))
        self._expect("]")
        return OneOf(attribute, frozenset(wanted))

    def _like(self, attribute: Attribute, word: str) -> Predicate:
        token = self._take()
        if attribute.type not in (Type.TEXT, Type.UID):
            raise ConditionError(f"{_what(attribute)}; {word!r} compares text", token.column)
        if token.kind is not Kind.TEXT:
            raise ConditionError(
                f"a pattern in quotation marks is expected, not {token}", token.column
            )
        return (Matches if word == "matches" else Contains)(attribute, token.text)

    def _value(self, attribute: Attribute) -> str | float:
        token = self._take()
        if token.kind not in (Kind.TEXT, Kind.NUMBER):
            raise ConditionError(
                f"a text in quotation marks or a number is expected, not {token}", token.column
            )
        if attribute.type is Type.NONE:
            raise ConditionError(f"{_what(attribute)}; ask whether it exists", token.column)
        if (attribute.type is Type.NUMBER) is not (token.kind is Kind.NUMBER):
            other = "a number" if token.kind is Kind.NUMBER else "text"
            raise ConditionError(f"{_what(attribute)}, and {token} is {other}", token.column)
        if attribute.type is Type.UID:
            return _uid(token)
        return float(token.text) if token.kind is Kind.NUMBER else token.text


def _what(attribute: Attribute) -> str:
    return f"{attribute.keyword} ({attribute.vr}) is {attribute.type.value}"


def _uid(token: Token) -> str:
    """A UID as it stands, or by the keyword that PS3.6 Table A-1 gives it."""
    if is_valid_uid(token.text):
        return token.text
    known = getattr(known_uids, token.text, None)
    if isinstance(known, UID):
        return str(known)
    raise ConditionError(f"{token} is no UID and no keyword of one", token.column)
