"""What identifies people in one instance, and where it stands in what was to be kept.

The table of the standard knows which attributes identify, not what operators type elsewhere. So the
values that were taken out are looked for in every text that stays. Names are looked for word by
word; identifiers as well, but for words that everybody uses; institutions as a whole, since their
names are made of such words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from pacs_anonymize.engine.words import is_word

__all__ = ["Identity", "Marks", "Search", "Source"]

_SHORTEST_NAME = 2
_SHORTEST_WORD = 3
_SHORTEST_NUMBER = 5
_SHORTEST_WHOLE = 5
_FREE_STANDING = 5
"""Shorter words only count where no letter or digit is beside them."""

_CACHED = 1024
_LETTER = rb"[A-Za-z0-9\x80-\xff]"

_words = re.compile(_LETTER + rb"+").findall


class Source(IntEnum):
    """What a value that was taken out says."""

    NOTHING = 0
    PERSON = 1
    IDENTIFIER = 2
    INSTITUTION = 3


class Search:
    """Looks for words, whatever the case of their ASCII letters."""

    __slots__ = ("_words",)

    def __init__(self, words: set[bytes]) -> None:
        self._words = sorted({word.lower() for word in words})

    def finds(self, value: bytes) -> bool:
        """Whether any of the words stands in ``value``."""
        folded = value.lower()
        # As a rule none does, and plain search tells so many times faster than expressions.
        return any(re.search(_expression(word), folded) for word in self._words if word in folded)


@dataclass(frozen=True, slots=True)
class Marks:
    """How the identity of an instance is found in encoded values.

    ``in_text`` is for free text, ``in_codes`` for code strings, where a word of the vocabulary is
    one of the standard's terms (HEAD) and no name. ``banned`` are all its words, in small letters,
    for texts that are cleaned.
    """

    in_text: Search
    in_codes: Search
    banned: frozenset[str]


class Identity:
    """The identifying values of one instance, gathered on the way."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: set[tuple[Source, bytes]] = set()

    def add(self, source: Source, value: bytes) -> None:
        """Take in an encoded value without padding."""
        self._values.add((source, value))

    def marks(self) -> Marks:
        """How to find all of them; made once for instances that have the same."""
        return _marks(frozenset(self._values))


@lru_cache(maxsize=_CACHED)
def _marks(values: frozenset[tuple[Source, bytes]]) -> Marks:
    names = {word for source, value in values if source is Source.PERSON for word in _words(value)}
    others = {
        word for source, value in values if source is Source.IDENTIFIER for word in _words(value)
    }
    wholes = {value for _, value in values if len(value) >= _SHORTEST_WHOLE}
    rare = {word for word in names | others if not _is_common(word)}
    telling = {word for word in rare if _tells(word)}
    telling |= {whole for whole in wholes if not all(_is_common(word) for word in _words(whole))}
    in_names = {word for word in names if len(word) >= _SHORTEST_NAME and not word.isdigit()}
    return Marks(
        in_text=Search(telling | in_names),
        in_codes=Search(telling),
        banned=frozenset(word.decode("latin-1").casefold() for word in names | others),
    )


def _is_common(word: bytes) -> bool:
    return is_word(word.decode("latin-1").casefold())


def _tells(word: bytes) -> bool:
    """Whether a word alone identifies: a short number is anybody's."""
    return len(word) >= (_SHORTEST_NUMBER if word.isdigit() else _SHORTEST_WORD)


def _expression(word: bytes) -> bytes:
    escaped = re.escape(word)
    if word.isdigit():
        return rb"(?<![0-9])" + escaped + rb"(?![0-9])"
    if len(word) < _FREE_STANDING:
        return rb"(?<!" + _LETTER + rb")" + escaped + rb"(?!" + _LETTER + rb")"
    return escaped
