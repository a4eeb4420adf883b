"""The query of a search: keys, what to include, how many (PS3.18 8.3.4).

A parameter that nobody knows is refused, not passed over: a filter that is not heeded would show
more than was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, empty_value_for_VR
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from pacs_dicomweb.qido.moments import asks_for_moments
from pacs_framework.dicom.matching import LITERAL, MatchingRules
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_http.api import Problem

__all__ = ["MATCHING", "Search", "parse_search", "without_values"]

_MOST_KEYS = 256
_LONGEST_VALUE = 1 << 16
_MOST_VALUES = 2000
_DEEPEST = 8
_NOT_KEYS = frozenset({"accept", "charset"})
_BINARY_VRS = frozenset({VR.OB, VR.OD, VR.OF, VR.OL, VR.OV, VR.OW, VR.UN})
_INTEGERS = frozenset({VR.SL, VR.SS, VR.SV, VR.UL, VR.US, VR.UV})

_is_number = re.compile(r"[0-9]{1,9}").fullmatch
_is_hex = re.compile(r"[0-9A-Fa-f]{8}").fullmatch
_any_control = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]").search


@dataclass(slots=True)
class Search:
    """One search. ``identifier`` holds the keys, and empty ones for what is to be returned too."""

    identifier: Dataset = field(default_factory=Dataset)
    valued: set[int] = field(default_factory=set)
    everything: bool = False
    rules: MatchingRules = LITERAL
    limit: int | None = None
    offset: int = 0


def parse_search(query: Sequence[tuple[str, str]]) -> Search:
    """What the parameters of a query ask for. Raises `Problem` 400, which names the parameter."""
    if len(query) > _MOST_KEYS:
        raise _bad(f"more than {_MOST_KEYS} parameters")
    search = Search()
    seen: set[str] = set()
    for name, value in query:
        if len(value) > _LONGEST_VALUE or _any_control(value):
            raise _bad(f"the value of {_shown(name)} is too long, or no text")
        if name in _OPTIONS:
            if name in seen:
                raise _bad(f"{name} is there twice")
            seen.add(name)
            _OPTIONS[name](search, value)
        elif name == "includefield":
            _include(search, value)
        elif name not in _NOT_KEYS:
            _match(search, name, value)
    return search


def _limit(search: Search, value: str) -> None:
    search.limit = _number("limit", value)


def _offset(search: Search, value: str) -> None:
    search.offset = _number("offset", value)


def _agreed(name: str, rule: str) -> Callable[[Search, str], None]:
    """What switches a rule of matching on: the parameter that stands for its negotiation."""

    def agree(search: Search, value: str) -> None:
        if value not in {"true", "false"}:
            raise _bad(f"{name} is true or false")
        search.rules = replace(search.rules, **{rule: value == "true"})

    return agree


MATCHING = {
    "fuzzymatching": "fuzzy_names",
    "emptyvaluematching": "empty_values",
    "multiplevaluematching": "multiple_values",
}
"""Parameter (PS3.18 8.3.4.2, 8.3.4.5, 8.3.4.6) → rule of `MatchingRules`."""

_OPTIONS = {
    "limit": _limit,
    "offset": _offset,
    **{name: _agreed(name, rule) for name, rule in MATCHING.items()},
}


def _number(name: str, value: str) -> int:
    if not _is_number(value):
        raise _bad(f"{name} is a number of at most nine digits")
    return int(value)


def _include(search: Search, value: str) -> None:
    for name in value.split(","):
        if name == "all":
            search.everything = True
            continue
        path = _path(name)
        dataset = _inside(search.identifier, path[:-1])
        if path[-1] not in dataset:
            dataset.add(_empty(path[-1], _vr_of(path[-1])))


def _match(search: Search, name: str, value: str) -> None:
    """Add one key. UIDs that are named again are alternatives; anything else twice is an error."""
    path = _path(name)
    tag = path[-1]
    if BaseTag(tag).is_private:
        raise _bad(f"{_shown(name)} is private; nothing in a query says by whom")
    vr = _vr_of(tag)
    if vr == VR.SQ and value:
        raise _bad(f"{_shown(name)} is a sequence: name an attribute in it, as in A.B=value")
    if vr in _BINARY_VRS and value:
        raise _bad(f"{_shown(name)} has VR {vr}, which is not matched")
    dataset = _inside(search.identifier, path[:-1])
    held = dataset[tag].value if tag in dataset else None
    if held and vr != VR.UI:
        raise _bad(f"{_shown(name)} is there twice")
    values = _values(name, vr, value)
    if held:
        values = [*([held] if isinstance(held, str) else held), *values]
    if not values:
        if tag not in dataset:
            dataset.add(_empty(tag, vr))
        return
    search.valued.add(path[0])
    try:
        dataset.add(DataElement(BaseTag(tag), vr, values[0] if len(values) == 1 else values))
    except PYDICOM_FAILURES:
        raise _bad(f"the value of {_shown(name)} is none of VR {vr}") from None


def _values(name: str, vr: str, text: str) -> list[Any]:
    separated = text.replace(",", "\\") if vr == VR.UI else text
    parts = [part for part in separated.split("\\") if part]
    if len(parts) > _MOST_VALUES:
        raise _bad(f"{_shown(name)} has more than {_MOST_VALUES} values")
    if not all(asks_for_moments(vr, part) for part in parts):
        raise _bad(f"the value of {_shown(name)} is none of VR {vr}, and no range of them")
    try:
        if vr in _INTEGERS:
            return [int(part) for part in parts]
        if vr in {VR.FD, VR.FL}:
            return [float(part) for part in parts]
        if vr == VR.AT:
            return [BaseTag(int(part, 16)) for part in parts if _is_hex(part)]
    except ValueError:
        raise _bad(f"the value of {_shown(name)} is none of VR {vr}") from None
    return parts


def _path(name: str) -> list[int]:
    """The tags of ``A.B``: keywords or eight hexadecimal digits."""
    parts = name.split(".")
    if len(parts) > _DEEPEST:
        raise _bad(f"an attribute in more than {_DEEPEST - 1} sequences")
    tags = [_tag(part) for part in parts]
    for tag in tags[:-1]:
        if _vr_of(tag) != VR.SQ:
            raise _bad(f"{_shown(name)}: only sequences have attributes in them")
    return tags


def _tag(name: str) -> int:
    tag = int(name, 16) if _is_hex(name) else tag_for_keyword(name) if name.isalnum() else None
    if tag is None or not tag & 0xFFFF or tag >> 16 < 0x0008:
        raise _bad(
            f"{_shown(name)} is no parameter of a search: attributes are named by keyword or by "
            f"eight hexadecimal digits"
        )
    return tag


def _shown(name: str) -> str:
    """A parameter for messages; what looks like no name of an attribute might be a patient's."""
    plain = re.fullmatch(r"[A-Za-z0-9.]{1,64}", name)
    return repr(name) if plain else "a parameter"


def _vr_of(tag: int) -> str:
    if not dictionary_has_tag(tag):
        return str(VR.LO)  # private, and unknown ones: nothing else is known of them
    vr = dictionary_VR(tag)
    return vr if len(vr) == 2 else str(VR.US) if "US" in vr else str(VR.OW)


@lru_cache(maxsize=64)
def without_values(tags: tuple[int, ...]) -> Sequence[tuple[int, str]]:
    """Keys that match everything: tags and their VRs."""
    return tuple((tag, _vr_of(tag)) for tag in tags)


def _empty(tag: int, vr: str) -> DataElement:
    value = Items() if vr == VR.SQ else empty_value_for_VR(vr)
    return DataElement(BaseTag(tag), vr, value, already_converted=True)


def _inside(dataset: Dataset, path: Sequence[int]) -> Dataset:
    """The item that keys of a nested attribute are in, made where it is not there."""
    for tag in path:
        if tag not in dataset or not dataset[tag].value:
            dataset.add(DataElement(BaseTag(tag), VR.SQ, Items([Dataset()])))
        dataset = dataset[tag].value[0]
    return dataset


def _bad(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, detail)
