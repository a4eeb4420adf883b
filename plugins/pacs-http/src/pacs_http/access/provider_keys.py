"""The public keys of an OpenID provider: fetched when they are needed, and kept for a while."""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from pacs_framework.network.tls import client_context
from pacs_http.problems import Problem
from pacs_http.settings import is_loopback

if TYPE_CHECKING:
    from pacs_http.settings import OidcSettings

__all__ = ["Jwk", "ProviderKeys", "fetcher"]

Jwk = Mapping[str, Any]

_log = structlog.get_logger("pacs_http")

_LONGEST = 1 << 20
_AT_MOST_EVERY = 10.0  # seconds between two fetches, whatever tokens ask for
_PUBLIC = {"RSA", "EC", "OKP"}


class ProviderKeys:
    """Keys by their ids; many threads may ask.

    ``fetch`` gives them all, or raises OSError, ValueError or HTTPException. They are fetched again
    when they are older than ``fresh`` seconds, and when a token names one that is not known, but
    never more often than each ten seconds: tokens are anybody's. While the provider is away, known
    keys hold for ``kept`` seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Sequence[Jwk]],
        *,
        fresh: float,
        kept: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._fresh = fresh
        self._kept = kept
        self._now = now
        self._lock = threading.Lock()
        self._keys: Sequence[Jwk] | None = None
        self._fetched = self._tried = float("-inf")
        self._is_away = False

    def of(self, key_id: str | None) -> Sequence[Jwk]:
        """The keys that may have signed a token: the one of this id, or all for a token without.

        Raises `Problem` 503 where there are no keys, or only too old ones, and none to be had.
        """
        with self._lock:
            if self._keys is None or self._now() - self._fetched > self._fresh:
                self._try()
            found = self._named(key_id)
            if not found and self._keys is not None:
                self._try()
                found = self._named(key_id)
            is_old = self._now() - self._fetched > self._kept
            if is_old or (self._is_away and not found):
                raise Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "the provider of logins gives no answer, so nobody can be told by its tokens",
                    headers=[("Retry-After", str(int(_AT_MOST_EVERY)))],
                )
            return found

    def _named(self, key_id: str | None) -> Sequence[Jwk]:
        keys = self._keys or ()
        return [each for each in keys if key_id is None or each.get("kid") == key_id]

    def _try(self) -> None:
        if self._now() - self._tried < _AT_MOST_EVERY:
            return
        self._tried, self._is_away = self._now(), True
        try:
            self._keys = [each for each in self._fetch() if _is_for_signatures(each)]
        except (OSError, ValueError, HTTPException) as error:
            _log.warning(
                "the keys of the OpenID provider cannot be fetched",
                error=str(error),
                known_keys=len(self._keys or ()),
            )
            return
        self._fetched, self._is_away = self._now(), False


def _is_for_signatures(key: Jwk) -> bool:
    """A secret one (``oct``) would let anybody sign who knows it, and a verifier knows it."""
    return key.get("kty") in _PUBLIC and key.get("use", "sig") == "sig"


def fetcher(settings: OidcSettings) -> Callable[[], Sequence[Jwk]]:
    """Fetches the keys of a provider; its discovery document says where they are, or a setting."""

    def fetch() -> Sequence[Jwk]:
        where = settings.keys_url or _discovered(settings)
        keys = _read(where, settings).get("keys")
        if not isinstance(keys, list) or not all(isinstance(each, dict) for each in keys):
            raise ValueError(f"{where} holds no JSON Web Key Set")
        return keys

    return fetch


def _discovered(settings: OidcSettings) -> str:
    place = f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration"
    document = _read(place, settings)
    if document.get("issuer") != settings.issuer:
        raise ValueError(f"{place} is of the issuer {document.get('issuer')!r}")
    return type(settings).model_validate({"keys_url": document.get("jwks_uri", "")}).keys_url


def _read(url: str, settings: OidcSettings) -> Mapping[str, Any]:
    """A JSON object. Raises OSError, ValueError and HTTPException."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if is_loopback(urlsplit(url).hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))
    if url.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler(context=_context(settings)))
    opener = urllib.request.build_opener(*handlers)
    with opener.open(url, timeout=settings.timeout) as answer:
        found = json.loads(answer.read(_LONGEST))
    if isinstance(found, dict):
        return found
    raise ValueError(f"{url} holds no JSON object")


def _context(settings: OidcSettings) -> ssl.SSLContext:
    return client_context(ca=settings.ca)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys are where the configuration and the provider say, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
