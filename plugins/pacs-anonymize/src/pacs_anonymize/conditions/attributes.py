"""The attributes that a condition may name, and the type of their values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_dict, tag_for_keyword
from pydicom.multival import MultiValue

from pacs_anonymize.conditions.tokens import ConditionError, Token
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import NotAnonymized

__all__ = ["Attribute", "Type", "attribute_named"]

_NUMBERS = {"DS", "IS", "FL", "FD", "SL", "SS", "SV", "UL", "US", "UV", "US or SS"}
_TEXTS = {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"}


class Type(Enum):
    """What the values of an attribute can be compared with."""

    TEXT = "text"
    NUMBER = "a number"
    UID = "a UID"
    NONE = "neither text nor a number"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of PS3.6 at the top level of an instance."""

    keyword: str
    tag: int
    vr: str

    @property
    def type(self) -> Type:
        """By its value representation (PS3.5 6.2)."""
        if self.vr == "UI":
            return Type.UID
        if self.vr in _NUMBERS:
            return Type.NUMBER
        return Type.TEXT if self.vr in _TEXTS else Type.NONE

    def is_in(self, dataset: Dataset) -> bool:
        """Whether it is there with a value."""
        if self.tag not in dataset:
            return False
        element = dataset.get_item(self.tag)
        return bool(element.value) if element.is_raw else not element.is_empty

    def values(self, dataset: Dataset) -> Iterator[str | float]:
        """Its values: none where it is absent or empty.

        Raises `NotAnonymized` where they cannot be read as what they are: whether the condition
        holds is then not known.
        """
        if not self.is_in(dataset):
            return
        try:
            value = dataset[self.tag].value
            several = value if isinstance(value, MultiValue | list) else [value]
            kept = [each for each in several if each is not None and str(each) != ""]
            yield from map(float if self.type is Type.NUMBER else str, kept)
        except PYDICOM_FAILURES as error:
            # Not its message: that may quote the value.
            raise NotAnonymized(
                f"a condition asks for {self.keyword}, which cannot be read: {type(error).__name__}"
            ) from None


def attribute_named(token: Token) -> Attribute:
    """The attribute with the keyword ``token``. Raises `ConditionError` naming the nearest one."""
    tag = tag_for_keyword(token.text)
    if tag is None:
        near = get_close_matches(token.text, keyword_dict, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ConditionError(f"{token.text!r} is no keyword of PS3.6{meant}", token.column)
    return Attribute(token.text, tag, dictionary_VR(tag))
