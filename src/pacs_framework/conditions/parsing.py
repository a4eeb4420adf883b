"""From tokens to a tree.

::

    expression = conjunction { "or" conjunction }
    conjunction = factor { "and" factor }
    factor = "not" factor | "(" expression ")" | "exists" path | path comparison
    path = name { "." name }
    name = keyword of an attribute | "(gggg,eeee)" | name of a fact
    comparison = ( "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | [ "not" ] ( "in" "[" value { "," value } "]" | "between" value "and" value
                           | "matches" text | "contains" text | "exists" )
"""

from __future__ import annotations

from collections.abc import Callable

from pacs_framework.conditions.errors import ConditionError
from pacs_framework.conditions.stream import TokenStream
from pacs_framework.conditions.tokens import Token, TokenKind
from pacs_framework.conditions.tree import (
    All,
    AnyOf,
    Comparison,
    Expression,
    Literal,
    Negation,
    Operator,
    Step,
)

__all__ = ["RESERVED", "parse"]

RESERVED = frozenset({"and", "or", "not", "in", "between", "matches", "contains", "exists"})
"""Words of the language, which are no names."""

_DEEPEST = 50
_SYMBOLS = {
    "=": Operator.EQUAL,
    "==": Operator.EQUAL,
    "!=": Operator.EQUAL,
    "<": Operator.LESS,
    "<=": Operator.AT_MOST,
    ">": Operator.MORE,
    ">=": Operator.AT_LEAST,
}
_WORDS = "in, between, matches, contains or exists"


def parse(text: str) -> Expression:
    """The tree of a condition. Raises `ConditionError`."""
    try:
        return _Parser(TokenStream(text)).whole()
    except ConditionError as error:
        raise error.within(text) from None


class _Parser:
    def __init__(self, tokens: TokenStream) -> None:
        self._tokens = tokens
        self._depth = 0

    def whole(self) -> Expression:
        tokens = self._tokens
        if tokens.ended():
            raise tokens.error("the condition is empty: leave it out where a rule is for all")
        found = self._expression()
        if not tokens.ended():
            raise tokens.error(f"{tokens.token} does not go on from here: write and, or")
        return found

    def _expression(self) -> Expression:
        parts = self._several("or", self._conjunction)
        return parts[0] if len(parts) == 1 else AnyOf(parts)

    def _conjunction(self) -> Expression:
        parts = self._several("and", self._factor)
        return parts[0] if len(parts) == 1 else All(parts)

    def _several(self, word: str, part: Callable[[], Expression]) -> tuple[Expression, ...]:
        parts = [part()]
        while self._tokens.skip_word(word):
            parts.append(part())
        return tuple(parts)

    def _factor(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._tokens.error(
                f"more than {_DEEPEST} brackets or nots deep: make several rules of it"
            )
        try:
            if self._tokens.skip_word("not"):
                return Negation(self._factor())
            if self._tokens.skip("("):
                found = self._expression()
                self._tokens.expect(")")
                return found
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Comparison:
        tokens = self._tokens
        place = tokens.token.place
        if tokens.skip_word("exists"):
            return Comparison(self._path(), Operator.EXISTS, (), place)
        path = self._path()
        first = tokens.next()
        if first.kind is TokenKind.SYMBOL and first.text in _SYMBOLS:
            operator, negated = _SYMBOLS[first.text], first.text == "!="
            return Comparison(path, operator, (self._literal(),), first.place, negated)
        negated = first.kind is TokenKind.WORD and first.text == "not"
        word = tokens.next() if negated else first
        literals = self._operands(word) if word.kind is TokenKind.WORD else None
        if literals is None:
            known = _WORDS if negated else f"=, !=, <, <=, >, >=, not, {_WORDS}"
            raise ConditionError(f"{word} is no comparison: write {known}", word.place)
        return Comparison(path, Operator(word.text), literals, first.place, negated)

    def _operands(self, word: Token) -> tuple[Literal, ...] | None:
        """What follows an operator that is a word; None where it is no operator."""
        match word.text:
            case "in":
                return self._list()
            case "between":
                low = self._literal()
                self._tokens.expect_word("and")
                return low, self._literal()
            case "matches" | "contains":
                return (self._literal(),)
            case "exists":
                return ()
            case _:
                return None

    def _path(self) -> tuple[Step, ...]:
        steps = [self._step()]
        while self._tokens.skip("."):
            steps.append(self._step())
        return tuple(steps)

    def _step(self) -> Step:
        token = self._tokens.token
        is_name = token.kind is TokenKind.WORD and token.text not in RESERVED
        if not is_name and token.kind is not TokenKind.TAG:
            raise self._tokens.error(
                f"an attribute is missing before {token}: its keyword, or its tag as (0008,0060)"
            )
        self._tokens.next()
        return Step(token.text, token.place)

    def _list(self) -> tuple[Literal, ...]:
        self._tokens.expect("[")
        found = [self._literal()]
        while self._tokens.skip(","):
            found.append(self._literal())
        self._tokens.expect("]")
        return tuple(found)

    def _literal(self) -> Literal:
        token = self._tokens.token
        if token.kind not in (TokenKind.STRING, TokenKind.NUMBER):
            hint = f': write it as "{token.text}"' if token.kind is TokenKind.WORD else ""
            raise self._tokens.error(f"a value is missing before {token}{hint}")
        self._tokens.next()
        value = token.text if token.kind is TokenKind.STRING else float(token.text)
        if value == float("inf") or value == float("-inf"):
            raise ConditionError("the number is too large", token.place)
        return Literal(value, token.place)
