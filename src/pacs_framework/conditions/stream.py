"""The tokens of a condition, taken one after the other."""

from __future__ import annotations

from pacs_framework.conditions.errors import ConditionError
from pacs_framework.conditions.tokens import Token, TokenKind, tokens_of

__all__ = ["TokenStream"]


class TokenStream:
    """Where a parser stands: ``token`` is the next one. Its methods raise `ConditionError`."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self.token = next(self._tokens)

    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.token.kind is TokenKind.END

    def next(self) -> Token:
        """Take the next one; at the end it is the end again and again."""
        token = self.token
        if not self.ended():
            self.token = next(self._tokens)
        return token

    def skip(self, symbol: str) -> bool:
        """Take the next one if it is this symbol."""
        return self._skip(symbol, TokenKind.SYMBOL)

    def skip_word(self, word: str) -> bool:
        """Take the next one if it is this word."""
        return self._skip(word, TokenKind.WORD)

    def expect(self, symbol: str) -> None:
        """Take this symbol."""
        if not self.skip(symbol):
            raise self._missing(symbol)

    def expect_word(self, word: str) -> None:
        """Take this word."""
        if not self.skip_word(word):
            raise self._missing(word)

    def error(self, message: str) -> ConditionError:
        """One about the next token."""
        return ConditionError(message, self.token.place)

    def _skip(self, text: str, kind: TokenKind) -> bool:
        found = self.token.kind is kind and self.token.text == text
        if found:
            self.next()
        return found

    def _missing(self, text: str) -> ConditionError:
        return self.error(f"{text!r} is missing before {self.token}")
