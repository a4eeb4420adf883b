"""Every setting of the kernel, with its default and its description.

``pacs config`` prints these; a plugin brings the model of its own section ``[plugin.NAME]``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pacs_framework.config.types import (
    AbsolutePath,
    AETitle,
    MaximumPdu,
    OptionalPath,
    PeerPort,
    Port,
    Seconds,
    SecondsOrForever,
    Section,
    Size,
)

__all__ = [
    "ArchiveSettings",
    "IndexSettings",
    "LogSettings",
    "NetworkSettings",
    "PeerSettings",
    "PluginLimits",
    "PluginsSettings",
    "Settings",
    "StorageSettings",
    "TlsSettings",
]


class ArchiveSettings(Section):
    """The archive itself."""

    aet: AETitle = Field(
        default="PACS", description="AE title of this archive, 1 to 16 characters."
    )
    data: AbsolutePath = Field(
        default=Path("pacs-data"),
        validate_default=True,
        description=(
            "Folder of everything the archive keeps on this machine: objects, the SQLite index, "
            "what is on its way in. A relative path in this file starts at the folder of this "
            "file; anywhere else, and the default, at the current folder."
        ),
    )
    duplicates: Literal["ignore", "replace", "reject"] = Field(
        default="ignore",
        description=(
            "What to do with an instance whose SOP Instance UID is stored already: keep the first "
            "one (an identical one is then a success, another one a warning), replace it (but not "
            "what is protected), or reject the new one with status 0111H."
        ),
    )
    spool: Size = Field(
        default=1 << 20,
        description=(
            "How much of an arriving instance is kept in memory; what is larger goes to a file."
        ),
    )


class TlsSettings(Section):
    """TLS on the listening port (PS3.15 annex B)."""

    enabled: bool = Field(
        default=False, description="Take TLS connections only, instead of plain TCP."
    )
    certificate: OptionalPath = Field(
        default=None, description="PEM file with the certificate of this archive and its chain."
    )
    key: OptionalPath = Field(
        default=None, description="PEM file with the private key of the certificate."
    )
    ca: OptionalPath = Field(
        default=None,
        description=(
            "PEM file with the authorities that may sign the certificates of peers: clients' here, "
            "and servers' where this archive connects by TLS."
        ),
    )
    client_certificates: Literal["none", "optional", "required"] = Field(
        default="none",
        description="Whether a client is asked for a certificate, and must have one.",
    )
    minimum_version: Literal["1.2", "1.3"] = Field(
        default="1.2", description="Oldest version of TLS to speak."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.enabled and not (self.certificate and self.key):
            raise ValueError("enabled = true needs certificate and key")
        if self.enabled and self.client_certificates != "none" and self.ca is None:
            raise ValueError(f"client_certificates = {self.client_certificates!r} needs ca")
        return self


class NetworkSettings(Section):
    """The DICOM port."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description='Address to listen on; "0.0.0.0" is every IPv4 address of the machine.',
    )
    port: Port = Field(default=11112, description="TCP port to listen on; 0 takes any free one.")
    workers: int = Field(
        default=1, ge=1, le=256, description="Processes that accept associations on the port."
    )
    max_associations: int = Field(
        default=1000,
        ge=1,
        description="Associations at one time, per process; one more is rejected as transient.",
    )
    max_half_open: int = Field(
        default=100,
        ge=1,
        description=(
            "Connections per process that have not yet asked for an association; when there is "
            "one more, the oldest is closed."
        ),
    )
    max_pdu: MaximumPdu = Field(
        default=131072,
        description=(
            "Longest PDU in bytes that a peer may send, announced to it (PS3.8 D.1); at least "
            "4096, 0 announces no limit."
        ),
    )
    max_message_bytes: Size = Field(
        default=0,
        description="Longest data set that a peer may send in one message; 0 means no limit.",
    )
    artim_timeout: Seconds = Field(
        default=30.0,
        description=(
            "Seconds that a connection may take to ask for an association, and to close after one "
            "(the ARTIM timer, PS3.8 9.1.5)."
        ),
    )
    idle_timeout: SecondsOrForever = Field(
        default=600.0,
        description=(
            "Seconds without a message after which an association is aborted; 0 waits for ever."
        ),
    )
    network_timeout: SecondsOrForever = Field(
        default=60.0,
        description=(
            "Seconds that a peer may pause in the middle of a message, or not read ours; 0 waits "
            "for ever."
        ),
    )
    check_called_aet: bool = Field(
        default=False,
        description="Reject associations that call another AE title than [archive] aet.",
    )
    tls: TlsSettings = Field(default_factory=TlsSettings, description="TLS on this port.")


class IndexSettings(Section):
    """The database that knows what is stored."""

    url: str = Field(
        default="",
        description=(
            "Database URL, for example postgresql+psycopg://user:password@host/pacs; empty is an "
            "SQLite file in the data folder."
        ),
    )


class StorageSettings(Section):
    """The place where the bytes of instances are kept."""

    url: str = Field(
        default="",
        description=(
            "Storage URL; its scheme chooses the storage plugin, for example "
            "file:///var/lib/pacs/objects. Empty is the folder objects in the data folder."
        ),
    )


class LogSettings(Section):
    """What is logged, and how; the log goes to standard error."""

    format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description=(
            "Lines for people (console) or one JSON object a line (json); auto is console on a "
            "terminal and json elsewhere."
        ),
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Least severity to log. Lines at level debug may hold patient data.",
    )


class PeerSettings(Section):
    """Another DICOM application that this archive may connect to, ``[peers.NAME]``."""

    aet: AETitle = Field(description="AE title of the peer; C-MOVE destinations are found by it.")
    host: str = Field(min_length=1, description="Name or address of the peer's machine.")
    port: PeerPort = Field(description="TCP port of the peer.")
    tls: bool = Field(default=False, description="Connect by TLS.")


class PluginLimits(Section):
    """How much of the archive one plugin may take, ``[plugins.limits.NAME]``."""

    register_seconds: SecondsOrForever = Field(
        default=30.0,
        description=(
            "How long its import and each hook of the start may take; then it has failed. 0 waits "
            "for ever."
        ),
    )
    decide_seconds: SecondsOrForever = Field(
        default=10.0,
        description=(
            "How long it may think about an instance or an association; then the operation is "
            "refused. 0 waits for ever, and spares the hand-over to a helper thread where no "
            "plugin that is asked has a limit."
        ),
    )
    notify_seconds: SecondsOrForever = Field(
        default=300.0,
        description=(
            "How long it may work on one change of the archive; then this is logged and counts as "
            "a failure, and a process of its own is killed. 0 waits for ever."
        ),
    )
    failures: int = Field(
        default=5,
        ge=0,
        description=(
            "Failures of one hook in a row (exceptions, calls over their time, unusable answers, "
            "the death of its process) that open its circuit; 0 never opens it."
        ),
    )
    retry_after: Seconds = Field(
        default=30.0, description="Seconds that a circuit stays open before one call is tried."
    )
    process: bool = Field(
        default=False,
        description=(
            "Call the hooks that follow a commit (NOTIFY) in a process of the plugin's own, which "
            "may hang, leak and die without taking anything along."
        ),
    )
    memory: Size = Field(
        default=0,
        description=(
            "Most memory of its own process (private and writable: RLIMIT_DATA); needs process = "
            "true. 0 means no limit."
        ),
    )

    @model_validator(mode="after")
    def _memory_of_a_process(self) -> Self:
        if self.memory and not self.process:
            raise ValueError("memory limits a process of its own: it needs process = true")
        return self


class PluginsSettings(Section):
    """Which plugins take part, and in which order."""

    allow: tuple[str, ...] = Field(
        default=(),
        description=(
            "The only plugins to load, with those of required; empty allows every installed one. "
            "A plugin named here, in order, in required, or with a section of its own must work, "
            "else the start stops; any other one that fails is left out."
        ),
    )
    deny: tuple[str, ...] = Field(default=(), description="Plugins that are not loaded.")
    order: tuple[str, ...] = Field(
        default=(),
        description=(
            "Plugins that are asked first, in this order; the others follow by name. It decides "
            "who refuses first and who sees whose changes."
        ),
    )
    required: tuple[str, ...] = Field(
        default=(), description="Plugins without which the archive does not start."
    )
    optional: tuple[str, ...] = Field(
        default=(),
        description=(
            "Plugins that the archive does without when they fail: one that fails at the start is "
            "left out though it has a section, and one whose circuit is open is not asked. While "
            "the circuit of any other plugin is open, what it would judge is refused."
        ),
    )
    limits: dict[str, PluginLimits] = Field(
        default_factory=dict,
        description="Time, failures and memory. One section [plugins.limits.NAME] for each plugin.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        contradictions = [("deny", "allow"), ("deny", "required"), ("optional", "required")]
        for one, other in contradictions:
            both = sorted({*getattr(self, one)} & {*getattr(self, other)})
            if both:
                raise ValueError(f"{both[0]!r} is both in {one} and in {other}")
        return self

    def limits_of(self, name: str) -> PluginLimits:
        """The limits of a plugin: those of its section, else the defaults."""
        return self.limits.get(name) or PluginLimits()


class CodecsSettings(Section):
    """Who decodes and encodes compressed pixel data."""

    prefer: tuple[str, ...] = Field(
        default=(),
        description=(
            "Plugins whose codecs are asked first, in this order; the others follow by what they "
            "cost."
        ),
    )
    processes: int = Field(
        default=0,
        ge=0,
        le=64,
        description=(
            "Processes that decode and encode, for each worker of the archive; 0 takes one for "
            "each core, up to 4."
        ),
    )
    ahead: int = Field(
        default=6,
        ge=0,
        le=64,
        description=(
            "Compressed images of one retrieval that are decoded before their turn, where the "
            "receiver takes native pixels only; 0 decodes each when it is due."
        ),
    )
    ahead_memory: Size = Field(
        default=128 << 20,
        description=(
            "What all images decoded before their turn may take, in each worker of the archive. "
            "One that finds no room is decoded when it is due."
        ),
    )


class Settings(Section):
    """The whole configuration; ``plugin`` holds the sections ``[plugin.NAME]`` as written, for
    `validate_plugin_sections`.
    """

    archive: ArchiveSettings = Field(
        default_factory=ArchiveSettings, description="The archive itself."
    )
    network: NetworkSettings = Field(default_factory=NetworkSettings, description="The DICOM port.")
    index: IndexSettings = Field(
        default_factory=IndexSettings, description="The database that knows what is stored."
    )
    storage: StorageSettings = Field(
        default_factory=StorageSettings,
        description="The place where the bytes of instances are kept.",
    )
    log: LogSettings = Field(default_factory=LogSettings, description="What is logged, and how.")
    peers: dict[str, PeerSettings] = Field(
        default_factory=dict,
        description=(
            "Other DICOM applications that this archive may connect to: destinations of C-MOVE. "
            "One section [peers.NAME] for each."
        ),
    )
    codecs: CodecsSettings = Field(
        default_factory=CodecsSettings,
        description="Who decodes and encodes compressed pixel data.",
    )
    plugins: PluginsSettings = Field(
        default_factory=PluginsSettings, description="Which plugins take part, and in which order."
    )
    plugin: dict[str, dict[str, Any]] = Field(
        default_factory=dict, repr=False, description="The section of each plugin."
    )

    @model_validator(mode="after")
    def _peers_differ(self) -> Self:
        names: dict[str, str] = {}
        for name, peer in self.peers.items():
            other = names.setdefault(peer.aet, name)
            if other != name:
                raise ValueError(
                    f"[peers.{other}] and [peers.{name}] have the same aet {peer.aet!r}"
                )
        return self
