"""What a condition may ask about: attributes of the data dictionary, and facts of a plugin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pydicom.datadict import dictionary_VR, keyword_dict, tag_for_keyword

from pacs_framework.conditions.errors import ConditionError
from pacs_framework.conditions.kinds import SEQUENCE, TEXT, Kind, kind_of_vr
from pacs_framework.conditions.parsing import RESERVED
from pacs_framework.conditions.tree import Step

__all__ = ["ATTRIBUTES", "Fact", "Subject", "Vocabulary"]

_FIRST_GROUP = 0x0008
_PIXEL_GROUP = 0x7FE0
_CREATORS = 0xFF


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a plugin knows of an instance besides its attributes, as who sent it.

    Where an attribute has the same keyword, the fact is meant. Raises ValueError for a name that
    cannot be written in a condition.
    """

    name: str
    kind: Kind

    def __post_init__(self) -> None:
        """Check the name."""
        if not (self.name.isascii() and self.name.isidentifier()) or self.name in RESERVED:
            raise ValueError(f"{self.name!r} is no name that a condition can have")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a comparison is about: a fact, or an attribute by the tags that lead to it."""

    name: str
    kind: Kind
    fact: str = ""
    tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What conditions of one plugin may ask about: all attributes, and these facts."""

    facts: tuple[Fact, ...] = ()

    def subject(self, path: Sequence[Step]) -> Subject:
        """What ``path`` names. Raises `ConditionError`."""
        name = ".".join(step.text for step in path)
        for fact in self.facts:
            if fact.name == path[0].text:
                if len(path) > 1:
                    raise ConditionError(_nothing_in(path[0], fact.kind), path[1].place)
                return Subject(name, fact.kind, fact=name)
        tags = [self._tag(step) for step in path]
        kinds = [_kind(tag) for tag in tags]
        for step, kind in zip(path[:-1], kinds[:-1], strict=True):
            if kind is not SEQUENCE:
                raise ConditionError(_nothing_in(step, kind), step.place)
        return Subject(name, kinds[-1], tags=tuple(tags))

    def _tag(self, step: Step) -> int:
        found = _number(step) if step.is_tag else self._of_keyword(step)
        if not _FIRST_GROUP <= found >> 16 < _PIXEL_GROUP:
            message = f"{step.text!r} is not in the header of an instance: groups 0008 to 7FDF are"
            raise ConditionError(message, step.place)
        return found

    def _of_keyword(self, step: Step) -> int:
        found = tag_for_keyword(step.text)
        if found is None:
            raise ConditionError(
                f"there is no attribute {step.text!r} in the data dictionary"
                f"{self._meant(step.text)}",
                step.place,
            )
        return found

    def _meant(self, word: str) -> str:
        known = [*(fact.name for fact in self.facts), *keyword_dict]
        close = get_close_matches(word, known, n=1)
        return f"; did you mean {close[0]!r}?" if close else ""


ATTRIBUTES = Vocabulary()
"""Attributes alone."""


def _nothing_in(step: Step, kind: Kind) -> str:
    return f"{step.text!r} is {kind.name}, and has no attributes in it"


def _number(step: Step) -> int:
    found = int(step.text[1:5] + step.text[6:10], 16)
    if not _is_private(found) and not _in_dictionary(found):
        message = f"the data dictionary has no attribute {step.text!r}"
        raise ConditionError(message, step.place)
    return found


def _in_dictionary(tag: int) -> bool:
    try:
        dictionary_VR(tag)
    except KeyError:
        return False
    return True


def _is_private(tag: int) -> bool:
    return bool((tag >> 16) % 2) and tag & 0xFFFF > _CREATORS


def _kind(tag: int) -> Kind:
    """Of a private attribute only the instance knows the VR, so it is compared as text."""
    return TEXT if _is_private(tag) else kind_of_vr(dictionary_VR(tag))
