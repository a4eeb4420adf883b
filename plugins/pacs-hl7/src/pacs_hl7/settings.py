"""The section ``[plugin.hl7]``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pacs_framework.errors import ConfigurationError

__all__ = ["Hl7Settings", "ReceiverSettings"]

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class ReceiverSettings(BaseModel):
    """Who is told what became of orders."""

    model_config = _FROZEN

    host: str = Field(default="127.0.0.1", min_length=1, description="Address of the receiver.")
    port: int = Field(default=2575, ge=1, le=65535, description="Its MLLP port.")
    tls: bool = Field(default=False, description="Connect by TLS; its certificate is verified.")
    ca: Path | None = Field(
        default=None, description="PEM file with the authority of its certificate."
    )
    messages: tuple[Literal["ORU^R01", "ORM^O01"], ...] = Field(
        default=("ORU^R01",),
        description=(
            "What is sent: ORU^R01 when a study is complete, ORM^O01 with the order's status "
            "(ORC-1 SC) when a step begins or is discontinued and when a study is complete."
        ),
    )
    application: str = Field(default="", description="Receiving application, MSH-5.")
    facility: str = Field(default="", description="Receiving facility, MSH-6.")


class Hl7Settings(BaseModel):
    """Where HL7 comes in, how it is read, and to whom it goes out."""

    model_config = _FROZEN

    port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="MLLP port to listen on, such as 2575; 0 takes any free one, none: not at all.",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    certificate: Path | None = Field(
        default=None, description="PEM file with a certificate: then only TLS is taken."
    )
    key: Path | None = Field(default=None, description="PEM file with the key of the certificate.")
    client_ca: Path | None = Field(
        default=None,
        description="PEM file with the authorities of senders, who then need a certificate.",
    )
    mapping: Path | None = Field(
        default=None,
        description="The mapping file; `pacs hl7 mapping` prints the one used without it.",
    )
    application: str = Field(default="PACS", description="Our name in MSH-3 of what is sent.")
    facility: str = Field(default="", description="Our facility in MSH-4 of what is sent.")
    processing_ids: tuple[str, ...] = Field(
        default=("P",),
        description="Values of MSH-11 that are taken: P production, T training; none: any.",
    )
    default_charset: str = Field(
        default="ASCII", description="Character set (HL7 table 0211) where MSH-18 is empty."
    )
    local_issuers: tuple[str, ...] = Field(
        default=(),
        description=(
            "Assigning authorities whose Patient IDs images may carry without an issuer; none: any."
        ),
    )
    max_message: int = Field(
        default=1 << 20, ge=1024, description="Bytes of the largest message that is taken."
    )
    max_connections: int = Field(default=64, ge=1, description="Connections at a time.")
    idle_timeout: float = Field(
        default=3600.0, gt=0, description="Seconds until a silent connection is closed."
    )
    message_timeout: float = Field(
        default=30.0, gt=0, description="Seconds from the first byte of a message to its last one."
    )
    keep_days: int = Field(
        default=30, ge=0, description="Days that accepted messages are kept; 0: for ever."
    )
    keep_rejected_days: int = Field(
        default=365, ge=0, description="Days that other messages are kept; 0: for ever."
    )
    receivers: Mapping[str, ReceiverSettings] = Field(
        default_factory=dict,
        description="Who is told when studies are complete: a section for each, with a name.",
    )
    answer_timeout: float = Field(
        default=30.0, gt=0, description="Seconds that a receiver has to acknowledge."
    )
    retry_first: float = Field(
        default=5.0, gt=0, description="Seconds until sending is tried again; doubled each time."
    )
    retry_longest: float = Field(
        default=600.0, gt=0, description="Longest pause between two attempts, in seconds."
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        """Find what is wrong with the mapping now, not at the first message."""
        if self.client_ca is not None and self.certificate is None:
            raise ValueError("client_ca needs certificate: without TLS nobody shows one")
        if self.mapping is not None:
            from pacs_hl7.mapping import load_mapping  # noqa: PLC0415 - it reads pydicom's tables

            try:
                load_mapping(self.mapping)
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
        return self
