"""What a site asks for: a name, options of the standard, and rules of its own before them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_anonymize.engine.options import Option
from pacs_framework.errors import ConfigurationError

__all__ = ["Action", "ByPrivate", "ByTag", "ByVR", "Profile", "Rule", "Selector"]

_EVERY_BIT = 0xFFFFFFFF

_is_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,31}").fullmatch
_is_vr = re.compile(r"[A-Z]{2}").fullmatch


class Action(StrEnum):
    """What happens to an attribute: the action codes of PS3.15 E.1.1."""

    D = "D"
    """Replaced by a value, not empty, that fits the VR: a dummy or a pseudonym."""
    Z = "Z"
    """Emptied, or replaced as by D where a value helps (Patient's Name gets a pseudonym)."""
    X = "X"
    """Removed."""
    K = "K"
    """Kept; in a sequence, the profile is applied to every item."""
    C = "C"
    """Cleaned: similar in meaning, and nothing left in it that identifies."""
    U = "U"
    """Replaced by a UID that is the same wherever the old one was; in a sequence, inside it."""


@dataclass(frozen=True, slots=True)
class ByTag:
    """An attribute by its tag ``(group << 16 | element)``; only the bits in ``mask`` count.

    ``ByTag(0x60000000, 0xFF010000)`` is every overlay.
    """

    tag: int
    mask: int = _EVERY_BIT

    @classmethod
    def of_keyword(cls, keyword: str) -> ByTag:
        """The attribute with a keyword of PS3.6. Raises `ConfigurationError` for none."""
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise ConfigurationError(
                f"no attribute has the keyword {keyword!r} in PS3.6: look at its spelling"
            )
        return cls(int(tag))

    @classmethod
    def of_group(cls, group: int) -> ByTag:
        """Every attribute of a group."""
        return cls(group << 16, 0xFFFF0000)

    def holds(self, tag: int) -> bool:
        """Whether this means the attribute with ``tag``."""
        return tag & self.mask == self.tag & self.mask


@dataclass(frozen=True, slots=True)
class ByVR:
    """Every attribute of a VR: that in the data set, or else that of the dictionary."""

    vr: str

    def __post_init__(self) -> None:
        if not _is_vr(self.vr):
            raise ConfigurationError(f"{self.vr!r} is no VR: two capitals, as 'PN' (PS3.5 6.2)")


@dataclass(frozen=True, slots=True)
class ByPrivate:
    """Private attributes by the name of their creator (PS3.5 7.8).

    ``group`` is the odd group, None for any; ``element`` the last two digits of the element number,
    None for the whole block.
    """

    creator: str
    group: int | None = None
    element: int | None = None

    def holds(self, creator: str, tag: int) -> bool:
        """Whether this means the element ``tag`` in a block of ``creator``."""
        return (
            creator == self.creator
            and self.group in (None, tag >> 16)
            and self.element in (None, tag & 0xFF)
        )


Selector: TypeAlias = ByTag | ByVR | ByPrivate


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One decision of a site, which goes before the table of the standard, at every depth.

    ``name`` stands in reports. ``value`` replaces what was there (action D alone). ``when`` is
    asked once for each instance, with the whole data set as it came, and must be picklable. What a
    rule keeps (K) is not looked at any further.
    """

    name: str
    attributes: Selector
    action: Action
    value: str | None = None
    when: Callable[[Dataset], bool] | None = None

    def __post_init__(self) -> None:
        if self.value is not None and self.action is not Action.D:
            raise ConfigurationError(
                f"rule {self.name!r} has a value and the action {self.action}: "
                f"only D (replace) takes a value"
            )


@dataclass(frozen=True, slots=True)
class Profile:
    """The Basic Application Level Confidentiality Profile, options to it, and rules before it.

    The name goes into De-identification Method (0012,0063): up to 32 letters, digits, blanks and
    ``. _ + -``. Raises `ConfigurationError`.
    """

    name: str
    options: frozenset[Option] = field(default_factory=frozenset)
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise ConfigurationError(
                f"{self.name!r} cannot name a profile, since the name is written into every "
                f"instance: use up to 32 letters, digits, blanks and . _ + -"
            )
        full, modified = (
            Option.RETAIN_LONGITUDINAL_FULL_DATES,
            Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
        )
        if {full, modified} <= self.options:
            raise ConfigurationError(
                f"profile {self.name!r} keeps dates ({full}) and modifies them ({modified}): "
                f"choose one (PS3.15 E.3.6)"
            )

    @property
    def conforms(self) -> bool:
        """Whether the Basic Profile may be claimed: no rule keeps what the table may remove."""
        return all(rule.action is not Action.K for rule in self.rules)
