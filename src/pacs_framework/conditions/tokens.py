"""The words of a condition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pacs_framework.conditions.errors import ConditionError, Place

__all__ = ["LONGEST", "Token", "TokenKind", "tokens_of"]

LONGEST = 10_000
"""Characters of a condition; a longer one is a mistake, or somebody's joke."""


class TokenKind(StrEnum):
    """What a token is."""

    TAG = "tag"
    WORD = "word"
    NUMBER = "number"
    STRING = "text"
    SYMBOL = "symbol"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: ``text`` is what it says, of a string what stands between its quotation marks."""

    kind: TokenKind
    text: str
    place: Place

    def __str__(self) -> str:
        """For messages."""
        return str(self.kind) if self.kind is TokenKind.END else repr(self.text)


# The tag of an attribute has the look of "(0008,0060)", which no other thing in brackets has.
_TOKEN = re.compile(
    r"""
    (?P<tag>\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\))
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>-?\d+(\.\d+)?(?![A-Za-z0-9_]))
    | "(?P<double>[^"\n]*)" | '(?P<single>[^'\n]*)'
    | (?P<symbol>==|!=|<=|>=|[=<>()\[\],.])
    """,
    re.VERBOSE | re.ASCII,
)
_SPACE = re.compile(r"\s*")


def tokens_of(text: str) -> Iterator[Token]:
    """All tokens, the last one being the end. Raises `ConditionError`."""
    if len(text) > LONGEST:
        raise ConditionError(
            f"{len(text)} characters; a condition has {LONGEST} at most: make several rules of it",
            Place(1, 1),
        )
    position = _after_space(text, 0)
    while position < len(text):
        place = _place(text, position)
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConditionError(_unreadable(text[position]), place)
        yield _token(match, place)
        position = _after_space(text, match.end())
    yield Token(TokenKind.END, "", _place(text, len(text)))


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()


def _place(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _token(match: re.Match[str], place: Place) -> Token:
    for group, kind in _KINDS.items():
        found = match[group]
        if found is not None:
            return Token(kind, found, place)
    raise AssertionError(match)


_KINDS = {
    "tag": TokenKind.TAG,
    "word": TokenKind.WORD,
    "number": TokenKind.NUMBER,
    "double": TokenKind.STRING,
    "single": TokenKind.STRING,
    "symbol": TokenKind.SYMBOL,
}


def _unreadable(character: str) -> str:
    if character in "\"'":
        return f"the text that begins here has no {character} at its end"
    if character in "&|!":
        return f"{character!r} means nothing here: write and, or, not"
    return f"{character!r} means nothing here"
