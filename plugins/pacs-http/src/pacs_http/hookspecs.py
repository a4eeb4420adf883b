"""The hooks that this plugin offers: routes, and a site's own rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_http.api import Asked, Deny, Grant, Route

__all__ = ["http_routes", "on_request"]


@hookspec(HookKind.REGISTER)
def http_routes(archive: Archive, settings: Any) -> Sequence[Route]:
    """Answer requests of HTTP.

    Kind: REGISTER; called once in each process that serves HTTP, and by ``pacs check``.
    archive: the use cases that handlers call.
    Returns: routes (see `Route`). Two for one method and one pattern of addresses are an error
    that names both plugins.
    """
    raise NotImplementedError


@hookspec(HookKind.DECIDE)
def on_request(request: Asked, archive: Archive, settings: Any) -> Grant | Deny | None:
    """Judge a request before its route is called, by rules of the site's own.

    Kind: DECIDE; for every request of a route that is not public, once it is known who asks. This
    plugin is asked too: it grants what users, roles and tokens allow.
    request: who asks, for what, from where (see `Asked`).
    archive: to look up what is stored.
    Returns: a `Grant`, a `Deny` with its reason for the log, or None for no opinion. One `Deny`
    is enough to refuse; without any `Grant` it is refused, too. Several grants add up.
    An exception refuses the request with 503.
    """
    raise NotImplementedError
