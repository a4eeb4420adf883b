"""A conformance statement as facts: what the renderers show and ``--format json`` prints.

Every record is frozen, and equal for two runs on one configuration. Sets of transfer syntaxes are
many and large and few of them differ, so they have names, and contexts refer to them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pacs_framework.conformance.records import Initiation, Remark, Role, ServiceConformance

__all__ = [
    "TEMPLATE",
    "AcceptedContext",
    "AssociationFacts",
    "Parameter",
    "PeerFact",
    "PluginFact",
    "Rejection",
    "SecurityFacts",
    "ServiceFact",
    "Statement",
    "SyntaxSet",
    "UidName",
]

TEMPLATE = "DICOM PS3.2 Annex N (Supplement 209)"
"""The template of the current editions; Annex A of the older ones is retired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UidName:
    """A UID and its name in PS3.6 Annex A; the UID itself where it has none there."""

    uid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxSet:
    """Transfer syntaxes that presentation contexts share; ``name`` is ``T1``, ``T2`` and so on."""

    name: str
    transfer_syntaxes: tuple[UidName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedContext:
    """An abstract syntax that is accepted, with a set of transfer syntaxes for each of our roles.

    An empty name of a set: not in this role. As SCU needs role selection (PS3.7 D.3.3.4).
    """

    uid: str
    name: str
    family: str
    as_scp: str
    as_scu: str
    extended_negotiation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFact:
    """A service in one role, with the SOP classes of one family that it lists in it.

    ``record`` is None where the plugin documents nothing.
    """

    plugin: str
    service: str
    role: Role
    family: str
    commands: tuple[str, ...]
    sop_classes: tuple[UidName, ...]
    record: ServiceConformance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFact:
    """An active plugin; ``decides`` are its DECIDE hooks that are called."""

    name: str
    distribution: str
    version: str
    services: tuple[str, ...]
    decides: tuple[str, ...]
    documented: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An answer A-ASSOCIATE-RJ (PS3.8 Table 9-21) that the kernel gives."""

    result: str
    source: str
    reason: str
    code: str
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationFacts:
    """What holds for every association. Lengths in bytes, times in seconds, 0: without limit."""

    application_context: UidName
    implementation_class_uid: str
    implementation_version_name: str
    max_pdu: int
    max_message_bytes: int
    max_associations: int
    max_half_open: int
    workers: int
    asynchronous_window: tuple[int, int]
    artim_timeout: float
    idle_timeout: float
    network_timeout: float
    check_called_aet: bool
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityFacts:
    """TLS on the listening port and towards peers; no file is named."""

    tls: bool
    minimum_version: str
    maximum_version: str
    client_certificates: str
    own_authorities: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFact:
    """A DICOM application that is known by its AE title."""

    name: str
    aet: str
    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A setting: what it is by default, what it is here."""

    section: str
    name: str
    default: str
    value: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Everything that is stated of one installation.

    ``unlisted`` is how an abstract syntax is accepted that no context names. ``deviations`` are
    rules of the standard that this installation does not keep.
    """

    template: str
    product: str
    version: str
    aet: str
    host: str
    port: int
    duplicates: str
    plugins: tuple[PluginFact, ...]
    association: AssociationFacts
    syntax_sets: tuple[SyntaxSet, ...]
    contexts: tuple[AcceptedContext, ...]
    unlisted: AcceptedContext
    services: tuple[ServiceFact, ...]
    initiations: tuple[Initiation, ...]
    acceptance: tuple[str, ...]
    remarks: tuple[Remark, ...]
    character_sets: tuple[str, ...]
    answer_character_sets: tuple[str, ...]
    security: SecurityFacts
    peers: tuple[PeerFact, ...]
    parameters: tuple[Parameter, ...]
    deviations: tuple[str, ...]
