"""From tokens to a tree.

::

    expression = conjunction { "or" conjunction }
    conjunction = factor { "and" factor }
    factor = "not" factor | "(" expression ")" | path comparison
    path = name { "." name }
    name = keyword of an attribute | "(gggg,eeee)" | "CallingAET" | "time" | …
    comparison = ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | [ "not" ] "in" "[" value { "," value } "]"
               | "between" value "and" value | "matches" text | "exists"
"""

from __future__ import annotations

from collections.abc import Callable

from pacs_routing.conditions.errors import ConditionError
from pacs_routing.conditions.tokens import Token, TokenKind, tokens_of
from pacs_routing.conditions.tree import (
    All,
    AnyOf,
    Comparison,
    Expression,
    Literal,
    Negation,
    Operator,
)

__all__ = ["parse"]

_DEEPEST = 50
_SYMBOLS = {
    "=": Operator.EQUAL,
    "==": Operator.EQUAL,
    "!=": Operator.UNEQUAL,
    "<": Operator.LESS,
    "<=": Operator.AT_MOST,
    ">": Operator.MORE,
    ">=": Operator.AT_LEAST,
}
_RESERVED = frozenset({"and", "or", "not", "in", "between", "matches", "exists"})
_OPERATORS = "=, !=, <, <=, >, >=, in, not in, between, matches or exists"


def parse(text: str) -> Expression:
    """The tree of a condition. Raises `ConditionError`."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self._token = next(self._tokens)
        self._depth = 0

    def whole(self) -> Expression:
        if self._ended():
            raise self._error("the condition is empty: leave it out where a rule is for everything")
        found = self._expression()
        if not self._ended():
            raise self._error(f"{self._token} does not go on from here: write and, or")
        return found

    # --- tokens -----------------------------------------------------------------------------------

    def _ended(self) -> bool:
        return self._token.kind is TokenKind.END

    def _next(self) -> Token:
        token = self._token
        if not self._ended():
            self._token = next(self._tokens)
        return token

    def _at(self, text: str, kind: TokenKind = TokenKind.SYMBOL) -> bool:
        return self._token.kind is kind and self._token.text == text

    def _skip(self, text: str, kind: TokenKind = TokenKind.SYMBOL) -> bool:
        found = self._at(text, kind)
        if found:
            self._next()
        return found

    def _expect(self, text: str, kind: TokenKind = TokenKind.SYMBOL) -> None:
        if not self._skip(text, kind):
            raise self._error(f"{text!r} is missing before {self._token}")

    def _error(self, message: str) -> ConditionError:
        return ConditionError(message, self._token.place)

    # --- the grammar ------------------------------------------------------------------------------

    def _expression(self) -> Expression:
        parts = self._several("or", self._conjunction)
        return parts[0] if len(parts) == 1 else AnyOf(parts)

    def _conjunction(self) -> Expression:
        parts = self._several("and", self._factor)
        return parts[0] if len(parts) == 1 else All(parts)

    def _several(self, word: str, part: Callable[[], Expression]) -> tuple[Expression, ...]:
        parts = [part()]
        while self._skip(word, TokenKind.WORD):
            parts.append(part())
        return tuple(parts)

    def _factor(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(
                f"more than {_DEEPEST} brackets or nots deep: make several rules of it"
            )
        try:
            if self._skip("not", TokenKind.WORD):
                return Negation(self._factor())
            if self._skip("("):
                found = self._expression()
                self._expect(")")
                return found
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Expression:
        path = self._path()
        token = self._next()
        if token.kind is TokenKind.SYMBOL and token.text in _SYMBOLS:
            return Comparison(path, _SYMBOLS[token.text], (self._literal(),), token.place)
        if token.kind is TokenKind.WORD:
            if token.text == "not":
                self._expect("in", TokenKind.WORD)
                return Comparison(path, Operator.NOT_IN, self._list(), token.place)
            literals = self._operands(token.text)
            if literals is not None:
                return Comparison(path, Operator(token.text), literals, token.place)
        raise ConditionError(f"{token} is no comparison: write {_OPERATORS}", token.place)

    def _operands(self, word: str) -> tuple[Literal, ...] | None:
        """What follows an operator that is a word; None where it is no operator."""
        match word:
            case "in":
                return self._list()
            case "between":
                low = self._literal()
                self._expect("and", TokenKind.WORD)
                return low, self._literal()
            case "matches":
                return (self._literal(),)
            case "exists":
                return ()
            case _:
                return None

    def _path(self) -> tuple[Token, ...]:
        steps = [self._name()]
        while self._skip("."):
            steps.append(self._name())
        return tuple(steps)

    def _name(self) -> Token:
        token = self._token
        is_name = token.kind is TokenKind.TAG or (
            token.kind is TokenKind.WORD and token.text not in _RESERVED
        )
        if not is_name:
            raise self._error(
                f"an attribute is missing before {token}: its keyword, or its tag as (0008,0060)"
            )
        return self._next()

    def _list(self) -> tuple[Literal, ...]:
        self._expect("[")
        found = [self._literal()]
        while self._skip(","):
            found.append(self._literal())
        self._expect("]")
        return tuple(found)

    def _literal(self) -> Literal:
        token = self._token
        if token.kind is TokenKind.STRING:
            self._next()
            return Literal(token.text, token.place)
        if token.kind is TokenKind.NUMBER:
            self._next()
            return Literal(float(token.text), token.place)
        hint = f': write it as "{token.text}"' if token.kind is TokenKind.WORD else ""
        raise self._error(f"a value is missing before {token}{hint}")
