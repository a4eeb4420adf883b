"""Whether a request may go on: who asks, what the plugins say, and what of it is in scope."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog

from pacs_framework.archive.source import title_of
from pacs_framework.errors import PluginError
from pacs_http.access.accounts import Accounts
from pacs_http.access.authenticating import CHALLENGE, Authenticator
from pacs_http.access.facts import IndexFacts
from pacs_http.access.links import Links
from pacs_http.access.principal import Asked, Deny, Grant, Principal
from pacs_http.access.roles import granted
from pacs_http.access.scope import Coverage, Limit, Scope
from pacs_http.problems import Problem
from pacs_http.route import Action, Level
from pacs_http.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_http.request import Request
    from pacs_http.route import Resource, Route
    from pacs_http.settings import HttpSettings

__all__ = ["Judge"]

_log = structlog.get_logger("pacs_http")

_NAMED = ("instance", "series", "study", "patient")


class Judge:
    """Admits requests, or raises the `Problem` that refuses them; from many threads."""

    def __init__(self, archive: Archive, settings: HttpSettings) -> None:
        self._archive = archive
        self._settings = settings
        tables = archive.tables(NAME)
        self._authenticator = Authenticator(Accounts(tables), Links(tables), settings)
        self._facts = IndexFacts(archive)

    def admit(self, route: Route, request: Request, resource: Resource) -> Request:
        """``request`` about ``resource``, with who asks and what they may see.

        Raises `Problem` 401, 403, 404, 429, 503.
        """
        principal = self._authenticator.principal_of(request)
        limits = self._limits(_asked(route, request, resource, principal))
        scope = Scope(
            limits,
            within=principal.limits,
            sender=title_of(principal.name),
            facts_of=self._facts,
        )
        if not scope.whole:
            _check_scope(scope, route, resource)
        return replace(request, resource=resource, principal=principal, scope=scope)

    def _limits(self, asked: Asked) -> tuple[Limit, ...]:
        """What the grants add up to. Without any, refused."""
        principal = asked.principal
        answers = self._answers(asked)
        for plugin, answer in answers:
            if isinstance(answer, Deny):
                _log.info(
                    "request denied",
                    plugin=plugin,
                    reason=answer.reason,
                    principal=principal.name,
                    request_id=asked.request_id,
                )
                raise _refusal(principal)
        grants = [answer for _, answer in answers if isinstance(answer, Grant)]
        if not grants:
            raise _refusal(principal)
        if any(not grant.limits for grant in grants):
            return ()
        return tuple(limit for grant in grants for limit in grant.limits)

    def _answers(self, asked: Asked) -> list[tuple[str, Any]]:
        if self._archive.hooks.implementers("on_request") == (NAME,):
            # Nobody else has a say. Our own rule only looks at what is in memory: it needs no
            # thread in which somebody sees to its time.
            own = granted(asked, self._settings)
            return [] if own is None else [(NAME, own)]
        ask = partial(self._archive.hooks.decide, "on_request", accept=_checked)
        try:
            return ask(request=asked, archive=self._archive)
        except PluginError as error:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "a plugin that has a say about requests gives no answer",
                headers=[("Retry-After", "10")],
            ) from error


def _asked(route: Route, request: Request, resource: Resource, principal: Principal) -> Asked:
    return Asked(
        method=request.method,
        route=route.path,
        level=route.level,
        action=route.action,
        resource=resource,
        principal=principal,
        peer=request.peer,
        tls_subject=request.tls_subject,
        request_id=request.request_id,
        headers=request.headers,
    )


def _checked(answer: Any) -> Any:
    if answer is None or isinstance(answer, Grant | Deny):
        return answer
    raise PluginError(f"on_request returned a {type(answer).__name__!r}, not Grant, Deny or None")


def _refusal(principal: Principal) -> Problem:
    if principal.kind == "nobody":
        return Problem(
            HTTPStatus.UNAUTHORIZED, "log in, as a user or with a token", headers=CHALLENGE
        )
    return Problem(HTTPStatus.FORBIDDEN, f"{principal.name!r} may not do this")


def _check_scope(scope: Scope, route: Route, resource: Resource) -> None:
    """Raise `Problem` for what is outside of a limited scope.

    404, as for what is not there, so that nobody learns that it is; 403 where only a part may be
    seen and the handler would give all.
    """
    if route.action is Action.WRITE or not resource.is_named:
        enough = route.scoped or (route.level is Level.SYSTEM and route.action is Action.READ)
    else:
        named = [(kind, name) for kind in _NAMED if (name := getattr(resource, kind))]
        kind, name = named[0]  # the least of them; it has to be part of the others
        coverage = scope.coverage(kind, name, within=resource)
        if coverage is Coverage.NONE:
            raise Problem(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        enough = route.scoped or coverage is Coverage.WHOLE
    if not enough:
        raise Problem(HTTPStatus.FORBIDDEN, "you may see only a part of what this would answer")
