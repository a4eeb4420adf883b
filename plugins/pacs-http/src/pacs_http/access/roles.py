"""What roles may do: the own implementation of the hook `on_request`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_http.access.principal import Asked, Grant
from pacs_http.access.scope import Limit
from pacs_http.settings import BUILT_IN

if TYPE_CHECKING:
    from pacs_http.settings import HttpSettings

__all__ = ["granted"]

_OF_LINKS = frozenset({"read", "search"})


def granted(asked: Asked, settings: HttpSettings) -> Grant | None:
    """What the roles of the one who asks allow together, or None."""
    if asked.principal.kind == "link":  # it has no roles, which a configuration may change
        return Grant() if asked.action.value in _OF_LINKS else None
    limits: list[Limit] = []
    for role in sorted(asked.principal.roles):
        section = settings.roles.get(role)
        if section is None:
            if asked.action.value in BUILT_IN.get(role, ()):
                return Grant()
        elif asked.action.value in section.allow:
            limits.append(
                Limit(
                    patients=section.patients,
                    modalities=section.modalities,
                    labels=section.labels,
                    ae_titles=section.ae_titles,
                )
            )
    return Grant(limits=tuple(limits)) if limits else None
