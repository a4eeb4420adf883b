"""The words of a condition, and where each of them stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

__all__ = ["ConditionError", "Kind", "Token", "tokens"]


class ConditionError(ValueError):
    """A condition cannot be read. ``column`` counts characters from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    TEXT = "text"
    NUMBER = "number"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token; ``text`` is without quotation marks, ``column`` counts from 1."""

    kind: Kind
    text: str
    column: int

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return "the end"
        return f'"{self.text}"' if self.kind is Kind.TEXT else repr(self.text)


_PATTERN = re.compile(
    r"""
      \s*(?:
        "(?P<double>[^"]*)"
      | '(?P<single>[^']*)'
      | (?P<number>-?\d+(?:\.\d+)?)(?![\w.])
      | (?P<word>[A-Za-z]\w*)
      | (?P<symbol>==|!=|[()\[\],])
      )
    """,
    re.VERBOSE | re.ASCII,
)
_KINDS = {
    "double": Kind.TEXT,
    "single": Kind.TEXT,
    "number": Kind.NUMBER,
    "word": Kind.WORD,
    "symbol": Kind.SYMBOL,
}


def tokens(text: str) -> Iterator[Token]:
    """Every token of ``text``, then one for its end. Raises `ConditionError`."""
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _PATTERN.match(text, position)
        if found is None:
            raise _unreadable(text, position)
        name = str(found.lastgroup)
        yield Token(_KINDS[name], found[name], _start(found, name))
        position = found.end()
    yield Token(Kind.END, "", end + 1)


def _start(found: re.Match[str], name: str) -> int:
    """The column of a token; that of a text is where its quotation mark stands."""
    return found.start(name) + (0 if name in ("double", "single") else 1)


def _unreadable(text: str, position: int) -> ConditionError:
    position += len(text[position:]) - len(text[position:].lstrip())
    character = text[position]
    if character in "\"'":
        return ConditionError(f"the text that begins here has no closing {character}", position + 1)
    if character == "=":
        return ConditionError("write '==' to compare", position + 1)
    return ConditionError(f"{character!r} has no meaning here", position + 1)
