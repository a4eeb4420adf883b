"""Who asks, and what is said about it: the records of the hook `on_request`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pacs_http.access.scope import Limit

if TYPE_CHECKING:
    from pacs_http.request import Headers
    from pacs_http.route import Action, Level, Resource

__all__ = ["ANYBODY", "NOBODY", "Asked", "Deny", "Grant", "Principal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. ``kind`` says what proved it: ``nobody`` has shown nothing, ``anonymous`` need not.

    ``limits`` bound what a token or a link carries, beneath what its roles allow.
    """

    name: str
    kind: Literal["nobody", "anonymous", "user", "token", "oidc", "certificate", "link"]
    roles: frozenset[str] = frozenset()
    limits: tuple[Limit, ...] = ()


NOBODY = Principal(name="", kind="nobody")

ANYBODY = Principal(name="anonymous", kind="anonymous", roles=frozenset({"admin"}))
"""Whoever reaches an archive on loopback that never had users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as ``on_request`` sees it; ``route`` is the pattern of its address."""

    method: str
    route: str
    level: Level
    action: Action
    resource: Resource
    principal: Principal
    peer: str
    tls_subject: str
    request_id: str
    headers: Headers = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An answer of ``on_request``: yes, within ``limits``; everything where there are none."""

    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """An answer of ``on_request``: no. ``reason`` goes to the log, not to the client."""

    reason: str
