"""Who asks: by password, token, link or certificate, or by nothing where that is enough."""

from __future__ import annotations

import base64
import binascii
import math
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from pacs_http.access.accounts import is_name
from pacs_http.access.passwords import Guesses, Passwords
from pacs_http.access.principal import ANYBODY, NOBODY, Principal
from pacs_http.access.scope import Limit
from pacs_http.problems import Problem
from pacs_http.settings import is_loopback

if TYPE_CHECKING:
    from pacs_http.access.accounts import Accounts
    from pacs_http.access.links import Links
    from pacs_http.access.oidc import OidcTokens
    from pacs_http.request import Request
    from pacs_http.settings import HttpSettings, OidcSettings

__all__ = ["CHALLENGE", "Authenticator"]

_log = structlog.get_logger("pacs_http")

CHALLENGE = (
    ("WWW-Authenticate", 'Basic realm="pacs", charset="UTF-8"'),
    ("WWW-Authenticate", 'Bearer realm="pacs"'),
)
_OF_PROXIES = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
)
_SAFE = {"GET", "HEAD"}
_REMEMBERED = {"anonymous", "user", "certificate"}
_DOTS_OF_JWT = 2


class Authenticator:
    """Finds out who asks; one for each process.

    A link goes before all else: who opens one gets what it is for, and no more. What a header shows
    goes before the certificate of the connection, which may be a proxy's.
    """

    def __init__(self, accounts: Accounts, links: Links, settings: HttpSettings) -> None:
        self._accounts = accounts
        self._links = links
        self._oidc = _provider(settings.oidc) if settings.oidc.issuer else None
        self._settings = settings
        self._passwords = Passwords()
        self._guesses = Guesses()

    def principal_of(self, request: Request) -> Principal:
        """Who asks; `NOBODY` for one who shows nothing where something must be shown.

        Raises `Problem` 401 for what proves nothing, 403 for a page of another origin that acts by
        what a browser remembers, 404 for a link that proves nothing, 429 for one who guesses, and
        503 while a provider is needed that gives no answer.
        """
        shown = request.headers.get("authorization")
        if shown is None and not request.link:
            principal = self._without_proof(request)
        else:
            principal = self._by_proof(request, shown or "")
        if principal.kind in _REMEMBERED:
            _check_origin(request, self._settings)
        return principal

    def _by_proof(self, request: Request, shown: str) -> Principal:
        """Who shows a link or a header. Raises `Problem` 401, 404, 429 and 503."""
        name = "" if request.link else _name_in(shown)
        pause = self._guesses.pause(request.peer, name)
        if pause:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many wrong logins from this address; wait a little",
                headers=[("Retry-After", str(math.ceil(pause)))],
            )
        principal = self._by_link(request.link) if request.link else self._by(shown)
        if principal is None:
            self._guesses.was_wrong(request.peer, name)
            _log.warning("login failed", peer=request.peer, request_id=request.request_id)
            if request.link:
                raise Problem(
                    HTTPStatus.NOT_FOUND, "this link has expired, was revoked, or never was"
                )
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "this login is wrong, or has expired",
                headers=CHALLENGE,
            )
        self._guesses.was_right(request.peer, name)
        return principal

    def _by(self, shown: str) -> Principal | None:
        scheme, _, proof = shown.strip().partition(" ")
        if scheme.lower() == "basic":
            return self._by_password(proof.strip())
        if scheme.lower() == "bearer":
            return self._by_token(proof.strip())
        return None

    def _by_password(self, encoded: str) -> Principal | None:
        name, colon, password = _decoded(encoded).partition(":")
        user = self._accounts.user(name) if colon else None
        if not self._passwords.is_right(password, user.password if user else None) or user is None:
            return None
        return Principal(name=user.name, kind="user", roles=frozenset(user.roles))

    def _by_link(self, text: str) -> Principal | None:
        link = self._links.proven(text)
        if link is None:
            return None
        limit = Limit(studies=(link.study,))
        return Principal(name=f"link {link.id}", kind="link", limits=(limit,))

    def _by_token(self, text: str) -> Principal | None:
        if self._oidc is not None and text.count(".") == _DOTS_OF_JWT:
            return self._oidc.principal_of(text)
        token = self._accounts.proven_token(text)
        if token is None:
            return None
        roles = frozenset(token.roles)
        return Principal(name=token.name, kind="token", roles=roles, limits=token.limits)

    def _without_proof(self, request: Request) -> Principal:
        settings = self._settings
        for name in (request.tls_subject, *request.tls_names):
            if name and name in settings.certificates:
                roles = frozenset(settings.certificates[name])
                return Principal(name=name, kind="certificate", roles=roles)
        if settings.is_guarded or self._accounts.ever():
            return NOBODY
        _check_local(request, settings)
        return ANYBODY


def _name_in(shown: str) -> str:
    """The name that a password is tried for; empty where none is that could be a user's."""
    scheme, _, proof = shown.strip().partition(" ")
    name = _decoded(proof.strip()).partition(":")[0] if scheme.lower() == "basic" else ""
    return name if is_name(name) else ""


def _decoded(encoded: str) -> str:
    """Name and password, empty for what is none (RFC 7617)."""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _provider(settings: OidcSettings) -> OidcTokens:
    from pacs_http.access.oidc import OidcTokens  # noqa: PLC0415 - most need no cryptography

    return OidcTokens(settings)


def _check_local(request: Request, settings: HttpSettings) -> None:
    """Raise `Problem` for one that only seems to come from this machine's own user: by a proxy, or
    by a browser that a page of somebody else's has sent (DNS rebinding, forged requests).
    """
    if any(name in request.headers for name in _OF_PROXIES):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            'behind a proxy everybody has to log in: set login = "required" and make users',
            headers=CHALLENGE,
        )
    # Not base_url, which is public_url whatever the client has called us.
    host = _name_of(request.headers.get("host", "localhost"))
    if not is_loopback(host) and host != urlsplit(settings.public_url).hostname:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "without login this server answers to 127.0.0.1 and localhost; set public_url where "
            "it is called otherwise",
        )


@lru_cache(maxsize=64)
def _name_of(host: str) -> str:
    """What a Host header calls the server, without a port."""
    return urlsplit(f"//{host}").hostname or ""


def _check_origin(request: Request, settings: HttpSettings) -> None:
    """Raise `Problem` 403 where a page of somebody else's makes a browser act by what it remembers:
    a password, a certificate, or that none is needed. A token or a link is in nobody's memory.
    """
    origin = request.headers.get("origin")
    if request.method in _SAFE or origin is None or origin in settings.cors_origins:
        return
    # A proxy that nobody told us of may have taken TLS off: only the rest of the address counts.
    if origin.partition("://")[2] != request.base_url.partition("://")[2]:
        raise Problem(
            HTTPStatus.FORBIDDEN, "a page of another origin may not do this; see cors_origins"
        )
