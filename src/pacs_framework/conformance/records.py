"""What a plugin tells for the conformance statement, in the hook ``conformance``.

SOP classes, transfer syntaxes and roles are *not* told here: they are read from the plugin's
services, so that the statement says what is negotiated. A plugin adds what no presentation context
shows: what a status means, which keys are matched, which associations it opens and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

__all__ = [
    "AcceptancePolicy",
    "Contribution",
    "ExtendedNegotiation",
    "Initiation",
    "Matching",
    "PublishedSettings",
    "QueryKey",
    "Remark",
    "Role",
    "ServiceConformance",
    "StatusMeaning",
    "Topic",
]


class Role(StrEnum):
    """Which side of a service this archive is (PS3.7 D.3.3.4)."""

    SCU = "SCU"
    SCP = "SCP"


class Matching(StrEnum):
    """A kind of attribute matching (PS3.4 C.2.2.2)."""

    SINGLE_VALUE = "single value"
    VALUE_LIST = "list of values"
    UID_LIST = "list of UID"
    WILDCARD = "wild card"
    RANGE = "range"
    SEQUENCE = "sequence"
    UNIVERSAL = "universal"


class Topic(StrEnum):
    """The section that a `Remark` belongs to."""

    WORKFLOW = "workflow"
    STORAGE = "storage"
    COERCION = "coercion"
    CHARACTER_SETS = "character sets"
    SECURITY = "security"
    DE_IDENTIFICATION = "de-identification"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMeaning:
    """A status (0000,0900) as a service returns it, or treats it when a peer does.

    ``status`` is the number that the code uses, ``when`` a clause: when it is returned, or what
    is done on receiving it.
    """

    status: int
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryKey:
    """A key of C-FIND at one level (PS3.4 C.4.1.1.3).

    ``key_type`` is U, R or O: unique, required, optional (PS3.4 C.2.2.1). A key with no
    ``matching`` is returned and never matched; ``returned`` False: it comes back empty.
    """

    level: str
    tag: int
    keyword: str
    vr: str
    key_type: str
    matching: tuple[Matching, ...]
    returned: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedNegotiation:
    """One option of SOP class extended negotiation (PS3.7 D.3.3.5), and whether it is agreed to."""

    option: str
    agreed: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConformance:
    """How one `DimseService` behaves in one role.

    ``service`` is the `DimseService.name` of a service of the same plugin; the SOP classes are
    those that it lists for the role. ``behaviour`` are paragraphs, ``vr_matching`` says how keys
    are matched that ``keys`` does not list, by their VR.
    """

    service: str
    role: Role
    title: str
    behaviour: tuple[str, ...] = ()
    statuses: tuple[StatusMeaning, ...] = ()
    keys: tuple[QueryKey, ...] = ()
    vr_matching: tuple[tuple[str, tuple[Matching, ...]], ...] = ()
    extended_negotiation: tuple[ExtendedNegotiation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Initiation:
    """An association that is opened as requestor, with us as SCU.

    Each of ``sop_classes`` is proposed with (some of) ``transfer_syntaxes``; ``proposal`` says
    which, and whether others may be among them. ``calling_aet`` is empty where it is the archive's;
    a command of its own names its default, and is an Application Entity of its own.
    """

    activity: str
    when: str
    sop_classes: tuple[str, ...]
    transfer_syntaxes: tuple[str, ...]
    proposal: str
    calling_aet: str = ""
    statuses: tuple[StatusMeaning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptancePolicy:
    """A rule by which ``on_association`` lets peers in, in one sentence."""

    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSettings:
    """The settings of the plugin's section that decide its conformance, by name.

    Only these are printed with their values, so that nothing is published by oversight.
    """

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A paragraph for the section of its topic."""

    topic: Topic
    text: str


Contribution: TypeAlias = (
    ServiceConformance | Initiation | AcceptancePolicy | PublishedSettings | Remark
)
"""What the hook ``conformance`` returns any number of."""
