"""Free text reduced to words that everybody uses (PS3.15 E.3.5, Clean Descriptors Option).

What stays is on a list: words of the standard's code dictionaries and abbreviations of radiology,
and numbers with a unit. Whatever is not on it goes, so that a name that nobody thought of goes too;
and a listed word goes where it is the patient's name (Mr. Hand), or another's in the instance. What
stays is ASCII, which every character set can carry.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

__all__ = ["cleaned", "is_word"]

# Bare numbers go: they are dates, identifiers, telephone numbers, rooms. Three digits and a unit
# are none of these.
_MEASURE = (
    r"[0-9]{1,3}(?:[.,][0-9]{1,3})?[ ]?"
    r"(?:mm|cm|um|sec|s|ms|min|hz|khz|mhz|t|tesla|kv|kvp|ma|mas|ml|cc|deg|mgy)"
)
_pieces = re.compile(rf"(?<![^\W_])({_MEASURE})(?![^\W_])|([^\W_]+)", re.IGNORECASE).findall
_digits = re.compile("[0-9]+").findall


@lru_cache(maxsize=1)
def _vocabulary() -> frozenset[str]:
    """All words, small letters; written by ``tools/confidentiality_table.py``."""
    text = files(__package__).joinpath("data", "words.txt").read_text("ascii")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


def is_word(token: str) -> bool:
    """Whether a token, in small letters, is on the list."""
    return token in _vocabulary()


def cleaned(text: str, banned: frozenset[str]) -> str:
    """The words of ``text`` that are on the list and not among ``banned`` (small letters)."""
    words, kept = _vocabulary(), []
    for measure, word in _pieces(text):
        if measure and banned.isdisjoint((measure.casefold(), *_digits(measure))):
            kept.append(measure)
        elif word and (folded := word.casefold()) in words and folded not in banned:
            kept.append(word)
    return " ".join(kept)
