"""The hooks of pacs-access: a decision on every association request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_access.rules import judge
from pacs_access.settings import AccessSettings
from pacs_framework import hookimpl
from pacs_framework.network.decisions import AssociationRequest, Narrowing, Rejection

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution


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


@hookimpl
def conformance(settings: AccessSettings) -> Sequence[Contribution]:
    """Document who may associate."""
    # Not above: only `pacs conformance` asks.
    from pacs_access.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
