"""Wild card matching (PS3.4 C.2.2.2.4) without regular expressions that backtrack.

A pattern comes from the peer. ``.*a.*a.*a`` against a long text costs a regular expression engine
far more than the text is worth; looking for the pieces between the asterisks one after the other
does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["compile_wildcard", "has_wildcard", "literal_prefix"]

_wildcard = re.compile(r"[*?]").search


def has_wildcard(pattern: str) -> bool:
    """Whether a key contains ``*`` or ``?``."""
    return _wildcard(pattern) is not None


def literal_prefix(pattern: str) -> str:
    """The characters before the first ``*`` or ``?``: every match starts with them."""
    found = _wildcard(pattern)
    return pattern[: found.start()] if found else pattern


def _piece(text: str) -> re.Pattern[str]:
    """A piece without asterisks; each ``?`` stands for one character."""
    return re.compile(".".join(re.escape(part) for part in text.split("?")), re.DOTALL)


def compile_wildcard(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a whole text matches ``pattern``.

    ``*`` is any sequence of characters, also none, ``?`` any single character.
    """
    texts = pattern.split("*")
    first, last = _piece(texts[0]), _piece(texts[-1])
    middle = [_piece(text) for text in texts[1:-1] if text]
    first_length, last_length = len(texts[0]), len(texts[-1])

    def matches(text: str) -> bool:
        if len(texts) == 1:
            return first.fullmatch(text) is not None
        end = len(text) - last_length
        if end < first_length or not first.match(text) or not last.match(text, end):
            return False
        pos = first_length
        for piece in middle:
            found = piece.search(text, pos, end)
            if found is None:
                return False
            pos = found.end()
        return True

    return matches
