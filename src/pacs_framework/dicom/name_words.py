"""Fuzzy semantic matching of person names, where it was agreed on (PS3.4 C.2.2.2.1).

What it is, the standard leaves to the implementation, which has to tell. Here a name is the set of
its words, of all its components and component groups. A key matches when each of its words begins
some word of the name: in any order, whatever the case, the accents and the punctuation. Letters
that alphabets without them spell with two are also matched so: ``Müller`` by ``Muller`` and by
``Mueller``. Nothing is matched by its sound. A key with wild cards, other than an asterisk at the
end of a word, says itself how it is to be matched, so that it is matched as it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection

from pacs_framework.dicom.person_names import person_name_matcher
from pacs_framework.dicom.wildcards import has_wildcard

__all__ = ["APOSTROPHE", "fuzzy_name_matcher", "words_of_key"]

APOSTROPHE = "'"
"""Part of no word: ``O'Neil`` is one word, ``oneil``."""

_ACCENTS = re.compile("[\u0300-\u036f]")
_NO_WORD = re.compile(r"[\W_]+")
_WORD_END = re.compile(r"\*+(?=$|[\^= ])")
_APOSTROPHES = str.maketrans("", "", f"{APOSTROPHE}\u2019\u02bc\u00b4")

# What has no accent that could be left out, and what is spelt with two letters where it is not
# known (ICAO Doc 9303, 6).
_ONE_LETTER = str.maketrans(dict(zip("øđðłıħŧ", "oddliht", strict=True)))
_LIGATURES = str.maketrans({"æ": "ae", "œ": "oe", "þ": "th"})
_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})

_MOST_WORDS = 32

Word = frozenset[str]
"""One word in all its spellings."""


def words_of_key(key: str) -> list[Word] | None:
    """The words of a key, each with all its spellings; None where it is matched as it stands.

    That is where it has wild cards inside of words, or no word, or so many that it is no name.
    """
    plain = _WORD_END.sub("", key)
    if has_wildcard(plain):
        return None
    words = list(dict.fromkeys(_words(plain)))
    return words if 0 < len(words) <= _MOST_WORDS else None


def fuzzy_name_matcher(key: str) -> Callable[[str], bool]:
    """A function that says whether a name matches ``key``."""
    words = words_of_key(key)
    literally = person_name_matcher(key)
    if words is None:
        return literally

    def matches(name: str) -> bool:
        found = {spelling for word in _words(name) for spelling in word}
        return all(_begins_one(word, found) for word in words)

    return matches


def _begins_one(word: Word, found: Collection[str]) -> bool:
    return any(spelling.startswith(tuple(word)) for spelling in found)


def _words(text: str) -> list[Word]:
    """Without those that are punctuation alone."""
    composed = unicodedata.normalize("NFC", text).casefold().translate(_APOSTROPHES)
    parts = (part for part in _NO_WORD.split(unicodedata.normalize("NFC", composed)) if part)
    return [frozenset({_bare(part), _bare(part.translate(_TWO_LETTERS))}) for part in parts]


def _bare(word: str) -> str:
    """Without accents of the alphabets that have them; marks of others make another letter."""
    apart = unicodedata.normalize("NFKD", word.translate(_LIGATURES).translate(_ONE_LETTER))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))
