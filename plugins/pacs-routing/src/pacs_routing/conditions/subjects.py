"""What a condition may ask about: attributes of the data dictionary, and how an instance came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pydicom.datadict import (
    dictionary_has_tag,
    dictionary_VR,
    keyword_dict,
    tag_for_keyword,
)

from pacs_routing.conditions.errors import ConditionError
from pacs_routing.conditions.kinds import (
    DATE,
    SEQUENCE,
    TEXT,
    TIME,
    UNIQUE,
    WEEKDAY,
    Kind,
    kind_of_vr,
)
from pacs_routing.conditions.tokens import Token, TokenKind

__all__ = ["FACTS", "Subject", "subject_of"]

FACTS: dict[str, Kind] = {
    "CallingAET": TEXT,
    "CalledAET": TEXT,
    "Address": TEXT,
    "Door": TEXT,
    "TLSSubject": TEXT,
    "TransferSyntaxUID": UNIQUE,
    "date": DATE,
    "time": TIME,
    "weekday": WEEKDAY,
}
"""What is known of an instance besides its attributes; the last three are of the local clock."""

_FIRST_GROUP = 0x0008
_PIXEL_GROUP = 0x7FE0
_CREATORS = 0xFF


@dataclass(frozen=True, slots=True)
class Subject:
    """What a comparison is about: a fact, or an attribute by the tags that lead to it."""

    name: str
    kind: Kind
    fact: str = ""
    tags: tuple[int, ...] = ()


def subject_of(path: Sequence[Token]) -> Subject:
    """The attribute or fact that a path names. Raises `ConditionError`."""
    name = ".".join(token.text for token in path)
    if len(path) == 1 and path[0].text in FACTS:
        return Subject(name, FACTS[name], fact=name)
    tags = [_tag(token) for token in path]
    kinds = [_kind(tag) for tag in tags]
    for token, kind in zip(path[:-1], kinds[:-1], strict=True):
        if kind is not SEQUENCE:
            raise ConditionError(
                f"{token} is {kind.name}, and has no attributes in it", token.place
            )
    return Subject(name, kinds[-1], tags=tuple(tags))


def _tag(token: Token) -> int:
    found = _number(token)
    group = found >> 16
    if not _FIRST_GROUP <= group < _PIXEL_GROUP:
        raise ConditionError(
            f"{token} is not in the header of an instance: groups 0008 to 7FDF are", token.place
        )
    return found


def _number(token: Token) -> int:
    if token.kind is TokenKind.TAG:
        found = int(token.text[1:5] + token.text[6:10], 16)
        if not _is_private(found) and not dictionary_has_tag(found):
            raise ConditionError(f"the data dictionary has no attribute {token.text}", token.place)
        return found
    number = tag_for_keyword(token.text)
    if number is None:
        raise ConditionError(
            f"there is no attribute {token.text!r} in the data dictionary{_meant(token.text)}",
            token.place,
        )
    return number


def _meant(word: str) -> str:
    close = get_close_matches(word, [*FACTS, *keyword_dict], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _is_private(tag: int) -> bool:
    return bool((tag >> 16) % 2) and tag & 0xFFFF > _CREATORS


def _kind(tag: int) -> Kind:
    """Of a private attribute only the instance knows the VR, so it is compared as text."""
    return TEXT if _is_private(tag) else kind_of_vr(dictionary_VR(tag))
