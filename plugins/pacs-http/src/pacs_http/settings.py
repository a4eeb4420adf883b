"""The section ``[plugin.http]``."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pacs_framework.config import Port, Seconds, Section, Size, TlsSettings

__all__ = ["BUILT_IN", "DEFAULT_PORT", "HttpSettings", "OidcSettings", "is_loopback"]

DEFAULT_PORT = 8042

BUILT_IN: dict[str, frozenset[str]] = {
    "viewer": frozenset({"read", "search"}),
    "uploader": frozenset({"write"}),
    "editor": frozenset({"read", "search", "write"}),
    "admin": frozenset({"read", "search", "write", "delete", "admin"}),
}
"""Role → what it may do. A section ``[plugin.http.roles.NAME]`` of the same name goes before it."""

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]

_ORIGIN = re.compile(r"https?://[^/\s,*]+")
_PLACE = re.compile(r"\{(\w*)\}?")


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name other than localhost may be any."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class RoleSettings(Section):
    """What a role may do, and with whose data, ``[plugin.http.roles.NAME]``."""

    allow: tuple[Literal["read", "search", "write", "delete", "admin"], ...] = Field(
        default=(), description="What it may do."
    )
    patients: tuple[str, ...] = Field(
        default=(),
        description="Patient IDs, with * and ?, of whom it may see and store; none is all.",
    )
    modalities: tuple[str, ...] = Field(
        default=(),
        description="Modalities, with * and ?, of series that it may see and store; none is all.",
    )
    labels: tuple[str, ...] = Field(
        default=(),
        description="Labels of studies or patients, of which one has to be there; none is all.",
    )
    ae_titles: tuple[str, ...] = Field(
        default=(),
        description=(
            "AE titles, with * and ?, that instances were stored from; none is all. Who stores by "
            "HTTP counts as an AE title of its own name, if that has at most 16 characters."
        ),
    )


class OidcSettings(Section):
    """The provider whose bearer tokens log in, ``[plugin.http.oidc]``."""

    issuer: str = Field(
        default="",
        description=(
            "Its address as it stands in its tokens, https:// unless on loopback, for example "
            "https://login.example.org/realms/clinic; empty is no provider."
        ),
    )
    audience: tuple[str, ...] = Field(
        default=(), description="Whom tokens have to be made for: one of these."
    )
    roles_claim: str = Field(
        default="roles",
        min_length=1,
        description="Claim with roles or groups; periods lead into objects (realm_access.roles).",
    )
    roles: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description='A value of that claim to roles here: "pacs-readers" = ["viewer"].',
    )
    name_claim: str = Field(
        default="sub", min_length=1, description="Claim that names who asks, as the log shows it."
    )
    algorithms: tuple[Algorithm, ...] = Field(
        default=("RS256", "ES256"), min_length=1, description="Signatures that are taken."
    )
    clock_skew: Seconds = Field(
        default=60.0, description="Seconds by which its clock and ours may differ."
    )
    keys_url: str = Field(
        default="", description="Where its keys are; empty asks its discovery document."
    )
    keys_fresh: Seconds = Field(
        default=600.0, description="Seconds after which its keys are fetched again."
    )
    keys_kept: Seconds = Field(
        default=86400.0,
        description="Seconds that known keys go on to hold while the provider gives no answer.",
    )
    timeout: Seconds = Field(default=5.0, description="Seconds that the provider has to answer.")
    ca: Path | None = Field(
        default=None, description="PEM file of its authorities; else those of the system."
    )

    @field_validator("issuer", "keys_url")
    @classmethod
    def _is_secret_on_its_way(cls, value: str) -> str:
        url = urlsplit(value)
        secure = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or ""))
        if value and not (secure and url.hostname):
            raise ValueError("needs https:// and a host; http:// is for loopback alone")
        return value

    @model_validator(mode="after")
    def _says_for_whom_and_what(self) -> Self:
        if self.issuer and not self.audience:
            raise ValueError(
                "audience is missing: without it a token made for any other program of this "
                "provider would log in here"
            )
        if self.issuer and not self.roles:
            raise ValueError("roles is missing: without it nobody who logs in may do anything")
        return self


class HttpSettings(Section):
    """Where the archive answers HTTP, to whom, and how much of it."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description=(
            'Address to listen on; "0.0.0.0" is every IPv4 address of the machine. Any but '
            'loopback needs login = "required".'
        ),
    )
    port: Port = Field(
        default=DEFAULT_PORT, description="TCP port to listen on; 0 takes any free one."
    )
    login: Literal["auto", "required"] = Field(
        default="auto",
        description=(
            "auto: on loopback nobody has to log in until the first user or token is made; from "
            "then on everybody has to, also when all are gone again (`pacs user reopen`). "
            "required: everybody has to, always."
        ),
    )
    public_url: str = Field(
        default="",
        description=(
            "Where clients reach this server, for example https://pacs.example.org, as it stands "
            "in the addresses that they are given; empty takes it from each request."
        ),
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description=(
            "Addresses and networks of proxies whose X-Forwarded-For, -Proto and -Host are "
            "believed, for example 10.0.0.0/8."
        ),
    )
    cors_origins: tuple[str, ...] = Field(
        default=(),
        description=(
            "Origins of web pages that may call this server from a browser, for example "
            "https://viewer.example.org."
        ),
    )
    max_connections: int = Field(
        default=1000,
        ge=1,
        description="Connections at once, in each worker; one more is answered with 503.",
    )
    threads: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="Requests that are worked on at once, in each worker; others wait.",
    )
    max_body: Size = Field(
        default=0,
        description="Longest body of a request where its route says nothing; 0 is no limit.",
    )
    max_header: Size = Field(
        default=32 << 10, ge=1024, description="Longest address and headers of a request, together."
    )
    header_timeout: Seconds = Field(
        default=20.0, description="Seconds in which address and headers have to arrive."
    )
    network_timeout: Seconds = Field(
        default=60.0,
        description=(
            "Seconds that a client may pause in the middle of a body, or not read an answer."
        ),
    )
    queue_timeout: Seconds = Field(
        default=10.0,
        description="Seconds that a request waits for a thread before it is answered with 503.",
    )
    idle_timeout: Seconds = Field(
        default=60.0, description="Seconds after which a connection without a request is closed."
    )
    max_channels: int = Field(
        default=500,
        ge=0,
        description="WebSockets at once, in each worker; one more is answered with 503.",
    )
    max_message: Size = Field(
        default=64 << 10,
        ge=125,
        description="Longest message that a client may send on a WebSocket; more closes it (1009).",
    )
    ping_interval: Seconds = Field(
        default=20.0,
        description=(
            "Seconds between two pings on a WebSocket; whoever does not answer one for as long is "
            "cut off."
        ),
    )
    stop_timeout: Seconds = Field(
        default=5.0, description="Seconds that requests have to end in when the archive stops."
    )
    access_log: bool = Field(default=True, description="Log each request at level info.")
    roles: dict[str, RoleSettings] = Field(
        default_factory=dict,
        description=(
            "Roles besides viewer (read, search), uploader (write), editor (both) and admin "
            "(everything), or in their place. One section [plugin.http.roles.NAME] for each."
        ),
    )
    certificates: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description=(
            "Client certificates that log in, to their roles: by subject, as the log shows it, "
            '"CN=viewer,O=Hospital" = ["viewer"], or by an alternative name, "DNS:…", "URI:…" or '
            '"email:…". Needs tls with client_certificates.'
        ),
    )
    oidc: OidcSettings = Field(
        default_factory=OidcSettings,
        description="A provider of OpenID Connect whose tokens log in.",
    )
    link_target: str = Field(
        default="{link}/dicom-web/studies/{study}?accept=application/zip",
        description=(
            "Where a browser goes that opens a link of `pacs link create`: {link} is the address "
            "below which the study is served, {study} its UID. A viewer, for example."
        ),
    )
    tls: TlsSettings = Field(default_factory=TlsSettings, description="HTTPS instead of HTTP.")

    @property
    def scheme(self) -> str:
        """What stands in front of an address."""
        return "https" if self.tls.enabled else "http"

    @field_validator("public_url")
    @classmethod
    def _without_path(cls, value: str) -> str:
        value = value.rstrip("/")
        if value and not _ORIGIN.fullmatch(value):
            raise ValueError("needs http:// or https:// and a host, and no path")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin such as https://viewer.example.org")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network)  # its ValueError names what is wrong
        return value

    @property
    def is_guarded(self) -> bool:
        """Whether everybody has to log in, whatever users and tokens there are."""
        return self.login == "required" or bool(self.certificates) or bool(self.oidc.issuer)

    @field_validator("link_target")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        if "{link}" not in value or not set(_PLACE.findall(value)) <= {"link", "study"}:
            raise ValueError("holds {link}, perhaps {study}, and no other braces")
        return value

    @model_validator(mode="after")
    def _roles_are_known(self) -> Self:
        known = {*BUILT_IN, *self.roles}
        for roles in (*self.certificates.values(), *self.oidc.roles.values()):
            for role in roles:
                if role not in known:
                    raise ValueError(
                        f"there is no role {role!r} (known: {', '.join(sorted(known))}); a section "
                        f"[plugin.http.roles.{role}] makes one"
                    )
        return self

    @model_validator(mode="after")
    def _certificates_are_asked_for(self) -> Self:
        if self.certificates and not (self.tls.enabled and self.tls.client_certificates != "none"):
            raise ValueError("certificates needs [tls] enabled = true and client_certificates")
        return self

    @model_validator(mode="after")
    def _nobody_serves_the_world(self) -> Self:
        if self.login == "auto" and not is_loopback(self.host):
            raise ValueError(
                f"host = {self.host!r} can be reached from other machines, where everybody has to "
                'log in: set login = "required" and make users with `pacs user add`'
            )
        return self
