"""The section ``[plugin.access]``."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AccessSettings", "CallerRule", "Service"]


class Service(StrEnum):
    """What a peer may ask for; ``other`` is every SOP class that is none of the named."""

    ECHO = "echo"
    STORE = "store"
    FIND = "find"
    MOVE = "move"
    GET = "get"
    OTHER = "other"


class CallerRule(BaseModel):
    """What one calling AE title may do, and from where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    addresses: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(), description="Networks the peer may call from; empty means any."
    )
    tls_subject: str = Field(
        default="", description="Subject that the peer's TLS certificate must have; empty: any."
    )
    services: frozenset[Service] | None = Field(
        default=None,
        description=(
            "Services the peer may use: echo, store, find, move, get, other; left out means all. "
            "Presentation contexts of the rest are not accepted."
        ),
    )


class AccessSettings(BaseModel):
    """Who may open an association, and for which services."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unknown_callers: bool = Field(
        default=False,
        description=(
            "Let calling AE titles in that have no rule below. Without any rule this plugin lets "
            "everybody in."
        ),
    )
    callers: dict[str, CallerRule] = Field(
        default_factory=dict,
        description=(
            "Rules by calling AE title, for example "
            '[plugin.access.callers.CT1] with services = ["echo", "store"].'
        ),
    )
