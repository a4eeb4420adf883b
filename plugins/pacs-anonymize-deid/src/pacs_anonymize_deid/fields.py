"""What a recipe says an action is for: an attribute, or an expression that many match.

deid passes over what it does not know, and the values stay. So a name with a slip of the pen has to
be found before the first instance comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from functools import cache

from pydicom.datadict import (
    dictionary_description,
    dictionary_keyword,
    dictionary_VR,
    keyword_dict,
)

__all__ = ["attribute_of", "field_fault", "vrs_of"]

_EXPANDERS = ("contains", "endswith", "startswith", "except")
_tag = re.compile(r"\(?([0-9a-fA-F]{4}),? ?([0-9a-fA-F]{4})\)?").fullmatch
_selection = re.compile(r"VR:[A-Z]{2}|GROUP:[0-9a-fA-F]{4}", re.IGNORECASE).fullmatch
_private = re.compile(r"\(?[0-9a-fA-F]{3}[13579bdfBDF],").match


def field_fault(field: str, *, values: Collection[str], fields: Collection[str]) -> str:
    """Why deid would find nothing for ``field``; empty where it may.

    values, fields: the names of the lists that the recipe has.
    """
    word, colon, rest = field.partition(":")
    if _private(field):
        return "private elements are always removed, so no action can be for one"
    if not colon:
        return _attribute_fault(field)
    if word in ("values", "fields"):
        known = values if word == "values" else fields
        return "" if rest in known else f"the recipe has no list %{word} {rest}"
    if word.lower() == "select":
        return "" if _selection(rest) else "select takes VR:XX or GROUP:gggg"
    if word.lower() not in _EXPANDERS:
        return f"{word!r} is none of {', '.join((*_EXPANDERS, 'select'))}"
    return _expression_fault(rest)


def attribute_of(field: str) -> int | None:
    """The tag of a field that is one attribute by keyword, name or tag; None for all others."""
    if found := _tag(field):
        return int(found[1] + found[2], 16)
    return _names().get(field.lower())


def vrs_of(field: str) -> dict[str, str]:
    """The VRs that a sound field may match, each with an attribute that has it.

    Empty for lists and for ``ALL``, of which nothing is known before a data set is there.
    """
    word, colon, rest = field.partition(":")
    word = word.lower()
    if not colon:
        tag = attribute_of(field.rpartition("__")[2])
        return {} if tag is None else {dictionary_VR(tag): dictionary_keyword(tag)}
    if word == "select" and rest[:3].upper() == "VR:":
        return {rest[3:].upper(): field}
    if word == "select":
        group = int(rest[6:], 16)
        return _vrs(lambda tag: tag >> 16 == group)
    if word not in _EXPANDERS:
        return {}
    search = re.compile(_pattern(word, rest), re.IGNORECASE).search
    return _vrs(lambda tag: _matches(search, tag) is (word != "except"))


def _vrs(matches: Callable[[int], bool]) -> dict[str, str]:
    return {dictionary_VR(tag): keyword for keyword, tag in keyword_dict.items() if matches(tag)}


def _pattern(expander: str, expression: str) -> str:
    """The regular expression that deid makes of it."""
    whole = {"endswith": f"({expression})$", "startswith": f"^({expression})"}
    return whole.get(expander, expression)


def _matches(search: Callable[[str], object], tag: int) -> bool:
    """As deid does: by keyword, name or tag."""
    written = (f"({tag >> 16:04x},{tag & 0xFFFF:04x})", f"{tag:08x}")
    names = (dictionary_keyword(tag), dictionary_description(tag), *written)
    return any(search(name) for name in names)


def _attribute_fault(field: str) -> str:
    if field.lower() == "all":
        return ""
    for part in field.split("__"):
        tag = attribute_of(part)
        if tag not in keyword_dict.values():
            near = get_close_matches(part.lower(), _names(), n=1)
            meant = f"; did you mean {_spelling(near[0])!r}?" if near else ""
            return f"the standard has no attribute {part!r}{meant}"
    return ""


def _expression_fault(expression: str) -> str:
    if not expression:
        return "the expression is empty, and would match everything"
    try:
        re.compile(expression)
    except re.error as error:
        return f"{expression!r} is no regular expression: {error}"
    return ""


@cache
def _names() -> dict[str, int]:
    """Tags by keyword and by name, in small letters: deid takes any."""
    keywords = {keyword.lower(): tag for keyword, tag in keyword_dict.items()}
    return {dictionary_description(tag).lower(): tag for tag in keywords.values()} | keywords


def _spelling(name: str) -> str:
    """The keyword as the standard writes it."""
    return dictionary_keyword(_names()[name])
