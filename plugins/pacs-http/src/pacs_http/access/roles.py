"""What roles may do: the own implementation of the hook `on_request`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_http.access.principal import Asked, Grant
from pacs_http.access.scope import Limit

if TYPE_CHECKING:
    from pacs_http.settings import HttpSettings

__all__ = ["BUILT_IN", "granted"]

BUILT_IN: dict[str, frozenset[str]] = {
    "viewer": frozenset({"read", "search"}),
    "uploader": frozenset({"write"}),
    "editor": frozenset({"read", "search", "write"}),
    "admin": frozenset({"read", "search", "write", "delete", "admin"}),
}
"""Role → what it may do. A section ``[plugin.http.roles.NAME]`` of the same name goes before it."""


def granted(asked: Asked, settings: HttpSettings) -> Grant | None:
    """What the roles of the one who asks allow together, or None."""
    limits: list[Limit] = []
    for role in sorted(asked.principal.roles):
        section = settings.roles.get(role)
        if section is None:
            if asked.action.value in BUILT_IN.get(role, ()):
                return Grant()
        elif asked.action.value in section.allow:
            limits.append(Limit(patients=section.patients, modalities=section.modalities))
    return Grant(limits=tuple(limits)) if limits else None
