"""Regions of the body, known by the words of descriptions, codes and Body Part Examined."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

__all__ = ["Regions"]

_word = re.compile(r"[A-Z0-9]+")
_GERMAN = str.maketrans({"Ä": "AE", "Ö": "OE", "Ü": "UE"})


class Regions:
    """The words that are built in (``regions.toml``), and ``more`` of a site, by region."""

    def __init__(self, more: Mapping[str, Sequence[str]] | None = None) -> None:
        words, self._modalities = _built_in()
        self._exact: dict[str, set[str]] = {}
        self._begins: dict[str, set[str]] = {}
        for table in (words, more or {}):
            for region, each in table.items():
                self._add(region, each)
        self._longest = max(map(len, self._begins))

    def _add(self, region: str, words: Iterable[str]) -> None:
        for word in words:
            target = self._begins if word.endswith("*") else self._exact
            target.setdefault("".join(_words(word)), set()).add(region)

    def of(self, texts: Iterable[str], modalities: Iterable[str] = ()) -> frozenset[str]:
        """The regions that are named in ``texts``, or that ``modalities`` are always of."""
        found: set[str] = set()
        for modality in modalities:
            found.update(self._modalities.get(modality, ()))
        for text in texts:
            for word in _words(text):
                found |= self._exact.get(word, set())
                for length in range(1, min(len(word), self._longest) + 1):
                    found |= self._begins.get(word[:length], set())
        return frozenset(found)


def _words(text: str) -> list[str]:
    """In capitals without accents; umlauts as Germans write them without."""
    upper = unicodedata.normalize("NFC", text).upper().translate(_GERMAN)
    plain = unicodedata.normalize("NFKD", upper)
    return _word.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))


@cache
def _built_in() -> tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]:
    tree = tomllib.loads(files(__package__).joinpath("regions.toml").read_text("utf-8"))
    return tree["words"], tree["modalities"]
