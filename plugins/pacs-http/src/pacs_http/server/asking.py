"""What a client asks for: from the scope of ASGI to a request whose sender may make it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pacs_http.access.links import SHARED, split_link
from pacs_http.problems import Problem
from pacs_http.request import Headers, Request
from pacs_http.route import Resource

if TYPE_CHECKING:
    from starlette.types import Scope

    from pacs_http.access.judge import Judge
    from pacs_http.request import Body
    from pacs_http.route import Route
    from pacs_http.router import Match, Router
    from pacs_http.server.addresses import Addresses

__all__ = ["Asking", "admitted", "headers_of", "path_of", "request_id_of"]

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST_PARAMETERS = 1000


def headers_of(scope: Scope) -> Headers:
    """The headers, in their order."""
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    return Headers(tuple(pairs))


def request_id_of(headers: Headers) -> str:
    """What the request is called in the log: as the client says where that is sane."""
    asked = headers.get("x-request-id", "")
    return asked if _SANE_ID.fullmatch(asked) else secrets.token_hex(8)


def path_of(scope: Scope) -> tuple[str, bytes]:
    """The link that an address begins with, or nothing, and the rest of it as it was sent."""
    raw: bytes = scope.get("raw_path") or str(scope["path"]).encode()
    return split_link(raw.partition(b"?")[0])


@dataclass(frozen=True, slots=True)
class Asking:
    """Reads scopes, for one application."""

    router: Router
    addresses: Addresses

    def request(
        self, scope: Scope, method: str, headers: Headers, request_id: str, body: Body
    ) -> tuple[Match, Request]:
        """The route that is asked for, and the request, of which nobody knows yet who makes it.

        Raises `Problem`.
        """
        where = self.addresses.of(scope, headers)
        link, raw_path = path_of(scope)
        match = self.router.find(method, raw_path)
        tls = _tls(scope)
        return match, Request(
            method=method,
            path=_below(str(scope["path"]), link),
            path_parameters=match.values,
            query=_query(scope),
            headers=headers,
            body=body,
            base_url=f"{where.base_url}{SHARED}/{link}" if link else where.base_url,
            request_id=request_id,
            peer=where.peer,
            tls_subject=str(tls.get("client_cert_name") or ""),
            tls_names=tuple(tls.get("client_cert_names") or ()),
            link=link,
        )


def admitted(route: Route, request: Request, judge: Judge) -> Request:
    """The request with who asks and what they may see. Raises `Problem`."""
    try:
        resource = route.resource_of(request)
    except Problem:
        if not route.public:
            judge.admit(route, request, Resource())  # what is wrong with it is for who may ask
        raise
    if route.public:
        return replace(request, resource=resource)
    return judge.admit(route, request, resource)


def _query(scope: Scope) -> tuple[tuple[str, str], ...]:
    try:
        text = bytes(scope["query_string"]).decode("ascii")
        return tuple(
            parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
            )
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"the query is not encoded as UTF-8, or has more than {_MOST_PARAMETERS} parameters",
        ) from None


def _below(path: str, link: str) -> str:
    """A path without the secret that it may begin with: it is for messages."""
    return path.removeprefix(f"{SHARED}/{link}") or SHARED if link else path


def _tls(scope: Scope) -> dict[str, Any]:
    extensions: dict[str, Any] = scope.get("extensions") or {}
    return extensions.get("tls") or {}
