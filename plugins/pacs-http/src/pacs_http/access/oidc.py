"""Bearer tokens of an OpenID provider (RFC 7519, RFC 9068): signed by one of its keys, for us."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import jwt
import structlog

from pacs_http.access.principal import Principal
from pacs_http.access.provider_keys import ProviderKeys, fetcher
from pacs_http.problems import Problem

if TYPE_CHECKING:
    from pacs_http.access.provider_keys import Jwk
    from pacs_http.settings import OidcSettings

__all__ = ["OidcTokens"]

_log = structlog.get_logger("pacs_http")

_TYPES = {"jwt", "at+jwt", "application/at+jwt"}


class OidcTokens:
    """Tells principals by tokens of one provider; from many threads."""

    def __init__(self, settings: OidcSettings, keys: ProviderKeys | None = None) -> None:
        self._settings = settings
        self._keys = keys or ProviderKeys(
            fetcher(settings), fresh=settings.keys_fresh, kept=settings.keys_kept
        )

    def principal_of(self, token: str) -> Principal:
        """Who asks. Raises `Problem` 401 for a token that proves nothing, 503 without keys."""
        try:
            claims = self._claims(token)
            name = claims.get(self._settings.name_claim)
            if not isinstance(name, str) or not name:
                raise jwt.MissingRequiredClaimError(self._settings.name_claim)
        except jwt.PyJWTError as error:
            _log.info("a token of the OpenID provider is refused", reason=_reason(error))
            raise _refused(error) from None
        return Principal(name=name, kind="oidc", roles=self._roles(claims))

    def _claims(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in self._settings.algorithms:  # none, and HMAC with a public key, too
            raise jwt.InvalidAlgorithmError("this algorithm is not taken")
        if "crit" in header or str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise jwt.InvalidTokenError("no access token")
        key_id = header.get("kid")
        for key in self._keys.of(key_id if key_id is None else str(key_id)):
            if key.get("alg", algorithm) != algorithm:
                continue
            try:
                claims = self._verified(token, key, algorithm)
            except (jwt.InvalidSignatureError, jwt.InvalidKeyError, jwt.PyJWKError):
                continue
            if "cnf" in claims:  # bound to a key of its owner's, which is not shown here
                raise jwt.InvalidTokenError("no bearer token")
            return claims
        raise jwt.InvalidSignatureError("no key of the provider has signed it")

    def _verified(self, token: str, key: Jwk, algorithm: str) -> Mapping[str, Any]:
        settings = self._settings
        claims: Mapping[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(dict(key), algorithm),
            algorithms=[algorithm],
            issuer=settings.issuer,
            audience=settings.audience,
            leeway=settings.clock_skew,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        settings = self._settings
        values = _at(claims, settings.roles_claim)
        values = values.split() if isinstance(values, str) else values
        if not isinstance(values, list):
            return frozenset()
        held = (each for each in values if isinstance(each, str))
        return frozenset(role for each in held for role in settings.roles.get(each, ()))


def _at(claims: Any, path: str) -> Any:
    """The claim of a name, or inside of objects where its parts lead."""
    if not isinstance(claims, Mapping):
        return None
    if path in claims:
        return claims[path]
    first, _, rest = path.partition(".")
    return _at(claims.get(first), rest) if rest else None


def _refused(error: jwt.PyJWTError) -> Problem:
    words = "has expired" if isinstance(error, jwt.ExpiredSignatureError) else "is not accepted"
    challenge = ("WWW-Authenticate", 'Bearer realm="pacs", error="invalid_token"')
    return Problem(
        HTTPStatus.UNAUTHORIZED, f"this token of the provider {words}", headers=[challenge]
    )


def _reason(error: jwt.PyJWTError) -> str:
    """The kind of fault: messages may quote claims."""
    return type(error).__name__
