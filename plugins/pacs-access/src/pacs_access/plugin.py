"""The hooks of pacs-access: a decision on every association request."""

from __future__ import annotations

from pacs_access.rules import judge
from pacs_access.settings import AccessSettings
from pacs_framework import hookimpl
from pacs_framework.network.decisions import AssociationRequest, Narrowing, Rejection


@hookimpl
def config_models() -> type[AccessSettings]:
    """The section ``[plugin.access]``."""
    return AccessSettings


@hookimpl
def on_association(
    request: AssociationRequest, settings: AccessSettings
) -> Rejection | Narrowing | None:
    """Let in whom the rules let in, with the services they allow."""
    return judge(request, settings)
