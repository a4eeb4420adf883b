"""What a profile file may hold (TOML): options, rules, refusals, and what it claims to cover."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydicom.config import RAISE
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.valuerep import validate_value

from pacs_anonymize.engine.profile import Action, ByTag, ByVR, Selector
from pacs_anonymize.pixels.document import PixelRuleEntry
from pacs_anonymize.pixels.options import OptionName, PixelOption
from pacs_anonymize.profiles.selectors import by_group, by_keyword, by_private, by_tag, by_vr
from pacs_framework.conditions import Condition
from pacs_framework.config import Section

__all__ = ["Covered", "Document", "PrivateEntry", "RefusedEntry", "RuleEntry"]


class PrivateEntry(Section):
    """Private attributes of one creator (PS3.5 7.8.1): one of them, or all."""

    creator: str = Field(min_length=1, description="Value of the Private Creator element.")
    element: str = Field(default="", description="Last two digits of its number; empty: all.")

    @model_validator(mode="after")
    def _readable(self) -> Self:
        by_private(self.creator, self.element)
        return self


class RuleEntry(Section):
    """``[[rule]]``: what happens to some attributes, at every depth; the first that fits counts."""

    name: str = Field(default="", description="What reports call the rule.")
    why: str = Field(default="", description="The reason, for whoever reads the profile.")
    tag: str = Field(default="", description="One attribute, as (0010,0010).")
    keyword: str = Field(default="", description="One attribute, by its keyword in PS3.6.")
    vr: str = Field(default="", description="Every attribute of a VR.")
    private: PrivateEntry | None = Field(default=None, description="Private attributes.")
    group: str = Field(default="", description="Every attribute of a group, 0032 or 60xx.")
    action: Action = Field(description="What happens: D, Z, X, K, C or U (PS3.15 E.1.1).")
    value: str | None = Field(default=None, description="The new value; for action D only.")
    when: str = Field(default="", description="Condition on the instance.")

    @field_validator("when")
    @classmethod
    def _condition(cls, text: str) -> str:
        if text:
            Condition(text)
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [each for each in self._what() if getattr(self, each)]
        if len(given) != 1:
            told = " and ".join(given) or "none"
            raise ValueError(f"a rule has one of {', '.join(self._what())}; here is {told}")
        selector = self.selector()
        if self.value is not None:
            if self.action is not Action.D:
                raise ValueError(f"action {self.action} takes no value; D (replace) does")
            _check_value(selector, self.value)
        if self.action is Action.U and _vr_of(selector) not in ("UI", "SQ", ""):
            raise ValueError("action U (new UID) is for UIDs, and for sequences with UIDs in them")
        return self

    @staticmethod
    def _what() -> tuple[str, ...]:
        return ("tag", "keyword", "vr", "private", "group")

    def selector(self) -> Selector:
        """Which attributes the rule is for. Raises ValueError."""
        if self.private is not None:
            return by_private(self.private.creator, self.private.element)
        if self.tag:
            return by_tag(self.tag)
        if self.keyword:
            return by_keyword(self.keyword)
        return by_vr(self.vr) if self.vr else by_group(self.group)


class RefusedEntry(Section):
    """``[[refuse]]``: instances that this profile does not take."""

    when: str = Field(min_length=1, description="Condition on the instance.")
    reason: str = Field(min_length=1, description="Why; it is told to the sender.")

    @field_validator("when")
    @classmethod
    def _condition(cls, text: str) -> str:
        Condition(text)
        return text


class Covered(Section):
    """``[[covers]]``: a demand of some regulation, and the attributes that answer it.

    None of the attributes may be kept by the profile: the linter checks it.
    """

    identifier: str = Field(min_length=1, description="What is demanded to go.")
    attributes: tuple[str, ...] = Field(
        min_length=1, description="Keywords of attributes that would hold it."
    )
    note: str = Field(default="", description="What there is to say about it.")

    @field_validator("attributes")
    @classmethod
    def _known(cls, attributes: tuple[str, ...]) -> tuple[str, ...]:
        for keyword in attributes:
            by_keyword(keyword)
        return attributes


class Document(Section):
    """A whole profile file."""

    description: str = Field(default="", description="What it is for, in a few words.")
    base: Literal["basic"] = Field(
        default="basic", description="Basic Application Level Confidentiality Profile."
    )
    options: tuple[OptionName, ...] = Field(default=(), description="Options of PS3.15 E.3.")
    rule: tuple[RuleEntry, ...] = Field(default=(), description="What goes before the table.")
    refuse: tuple[RefusedEntry, ...] = Field(default=(), description="What is not taken.")
    covers: tuple[Covered, ...] = Field(default=(), description="What it claims to cover.")
    pixels: tuple[PixelRuleEntry, ...] = Field(
        default=(), description="What is done to pixels, before the rules of files."
    )
    defacer: str = Field(default="", description="Who takes faces out of images.")

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.pixels and PixelOption.CLEAN_PIXEL_DATA not in self.options:
            raise ValueError("[[pixels]] needs clean-pixel-data among the options")
        faces = PixelOption.CLEAN_RECOGNIZABLE_VISUAL_FEATURES
        if self.defacer and faces not in self.options:
            raise ValueError(f"defacer needs {faces} among the options")
        return self


def _vr_of(selector: Selector) -> str:
    """The VR of what is selected; empty where it may be any."""
    if isinstance(selector, ByVR):
        return selector.vr
    if isinstance(selector, ByTag) and dictionary_has_tag(selector.tag):
        return dictionary_VR(selector.tag)
    return ""


def _check_value(selector: Selector, value: str) -> None:
    vr = _vr_of(selector)
    if vr == "SQ":
        raise ValueError("a sequence cannot be given a value; leave it out for an empty item")
    try:
        validate_value(vr, value, RAISE)
    except ValueError:
        raise ValueError(f"{value!r} is no value of VR {vr}") from None
