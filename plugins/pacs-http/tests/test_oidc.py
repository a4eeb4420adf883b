"""Tokens of an OpenID provider: only those that it has signed, for us, for now."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from pacs_framework.testing.factories import Archives
from pacs_http.access.oidc import OidcTokens
from pacs_http.access.provider_keys import ProviderKeys, fetcher
from pacs_http.problems import Problem
from pacs_http.settings import OidcSettings
from pacs_http.testing import serve_http

ISSUER = "https://login.example.org/realms/clinic"
SETTINGS = OidcSettings(
    issuer=ISSUER,
    audience=("urn:pacs",),
    roles={"readers": ("viewer",), "bosses": ("admin",)},
)


@pytest.fixture(scope="module")
def signers() -> dict[str, Any]:
    """Private keys by algorithm."""
    return {
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
    }


def public(signer: Any, key_id: str, **more: str) -> dict[str, Any]:
    """The JWK of a private key."""
    kind = RSAAlgorithm if isinstance(signer, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(kind.to_jwk(signer.public_key())), "kid": key_id, **more}


class Provider:
    """What answers for keys, or fails; the clock goes on when it is told to."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys: Sequence[dict[str, Any]] | None = keys
        self.time = 1000.0
        self.asked = 0

    def fetch(self) -> Sequence[dict[str, Any]]:
        """The keys, unless there are none."""
        self.asked += 1
        if self.keys is None:
            raise OSError("no route to host")
        return self.keys

    def tokens(self, settings: OidcSettings = SETTINGS) -> OidcTokens:
        """What tells by these keys; they are fresh for 600 seconds and hold for a day."""
        keys = ProviderKeys(self.fetch, fresh=600.0, kept=86400.0, now=lambda: self.time)
        return OidcTokens(settings, keys)


@pytest.fixture
def provider(signers: dict[str, Any]) -> Provider:
    return Provider(*(public(signer, name) for name, signer in signers.items()))


@pytest.fixture
def signed(signers: dict[str, Any]) -> Callable[..., str]:
    """Makes a token that is right but for what is told; None takes a claim away."""

    def make(
        algorithm: str = "RS256",
        *,
        key: Any = None,
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        now = int(time.time())
        right = {"iss": ISSUER, "aud": "urn:pacs", "sub": "jane", "exp": now + 60, "iat": now}
        right |= {"roles": ["readers", "unknown"]}
        told = {name: value for name, value in (right | claims).items() if value is not None}
        named = {"kid": algorithm, "typ": "at+jwt", **(headers or {})}
        return jwt.encode(told, key or signers[algorithm], algorithm, headers=named)

    return make


def status_of(tokens: OidcTokens, token: str) -> int:
    """200, or that of the refusal."""
    try:
        tokens.principal_of(token)
    except Problem as problem:
        return problem.status
    return 200


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_token_tells_who_asks_and_in_which_roles(
    provider: Provider, signed: Callable[..., str], algorithm: str
) -> None:
    principal = provider.tokens().principal_of(signed(algorithm))
    assert (principal.name, principal.kind) == ("jane", "oidc")
    assert principal.roles == {"viewer"}


@pytest.mark.parametrize(
    ("claim", "claims", "roles"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["bosses"]}}, {"admin"}),
        ("https://x.example/roles", {"https://x.example/roles": ["bosses"]}, {"admin"}),
        ("scope", {"scope": "openid readers bosses"}, {"viewer", "admin"}),
        ("roles", {"roles": None}, set()),
        ("roles", {"roles": {"readers": True}}, set()),
        ("roles", {"roles": [["readers"], 7]}, set()),
        ("roles.deeper", {"roles": ["readers"]}, set()),
        ("roles", {"roles": ["admin", "viewer"]}, set()),
    ],
)
def test_roles_are_where_the_provider_puts_them_and_mean_what_we_say(
    provider: Provider,
    signed: Callable[..., str],
    claim: str,
    claims: dict[str, Any],
    roles: set[str],
) -> None:
    """A name that the provider shares with us by chance means nothing."""
    settings = SETTINGS.model_copy(update={"roles_claim": claim})
    assert provider.tokens(settings).principal_of(signed(**claims)).roles == roles


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"iss": "https://login.example.org/realms/other"},
        {"iss": None},
        {"aud": "urn:other"},
        {"aud": ["urn:other", "urn:more"]},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"cnf": {"jkt": "x"}},
        {"headers": {"crit": ["x"], "x": 1}},
        {"headers": {"typ": "logout+jwt"}},
        {"headers": {"kid": "other"}},
        {"headers": {"kid": "ES256"}},
    ],
    ids=str,
)
def test_what_is_not_for_us_or_not_for_now_is_refused(
    provider: Provider, signed: Callable[..., str], claims: dict[str, Any]
) -> None:
    assert status_of(provider.tokens(), signed(**claims)) == 401


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -3600), ("nbf", 3600), ("iat", 3600)])
def test_what_is_over_or_has_not_begun_is_refused(
    provider: Provider, signed: Callable[..., str], claim: str, seconds: int
) -> None:
    token = signed(**{claim: int(time.time()) + seconds})
    assert status_of(provider.tokens(), token) == 401


def test_a_clock_may_be_off_by_a_minute_and_no_more(
    provider: Provider, signed: Callable[..., str]
) -> None:
    now = int(time.time())
    for off, status in ((30, 200), (3600, 401)):
        assert status_of(provider.tokens(), signed(exp=now - off)) == status
        assert status_of(provider.tokens(), signed(nbf=now + off)) == status


def test_signatures_that_anybody_can_make_are_refused(
    provider: Provider, signed: Callable[..., str], signers: dict[str, Any]
) -> None:
    """None at all, a public key taken for a secret, a key that the token brings along."""
    tokens = provider.tokens()
    right = signed()
    assert status_of(tokens, right) == 200
    head, body, signature = right.split(".")

    def with_head(**values: Any) -> str:
        header = json.dumps({"typ": "JWT", "kid": "RS256", **values}).encode()
        return base64.urlsafe_b64encode(header).rstrip(b"=").decode()

    pem = signers["RS256"].public_key()
    secret = pem.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    mac = jwt.api_jws.PyJWS().get_algorithm_by_name("HS256")
    forged = f"{with_head(alg='HS256')}.{body}"
    signed_by_public = base64.urlsafe_b64encode(mac.sign(forged.encode(), secret)).rstrip(b"=")
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for forgery in (
        f"{with_head(alg='none')}.{body}.",
        f"{with_head(alg='NONE')}.{body}.{signature}",
        f"{forged}.{signed_by_public.decode()}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        signed(key=stranger),
        signed(key=stranger, headers={"jwk": public(stranger, "RS256")}),
        signed(key=stranger, headers={"jku": "https://evil.example/keys"}),
        f"{with_head(alg='RS512')}.{body}.{signature}",
        f"{with_head(alg=['RS256'])}.{body}.{signature}",
        "a.b.c",
        "..",
    ):
        assert status_of(tokens, forgery) == 401, forgery[:40]


def test_a_secret_key_of_the_provider_is_none_of_ours(signed: Callable[..., str]) -> None:
    """Symmetric keys in its set are passed over, and HMAC is no setting."""
    secret = base64.urlsafe_b64encode(b"s" * 32).rstrip(b"=").decode()
    tokens = Provider({"kty": "oct", "k": secret, "kid": "RS256"}).tokens()
    assert status_of(tokens, signed()) == 401
    with pytest.raises(ValueError, match="Input should be 'RS256'"):
        OidcSettings(algorithms=("HS256",))


def test_a_key_for_one_algorithm_is_not_used_for_another(
    signers: dict[str, Any], signed: Callable[..., str]
) -> None:
    provider = Provider(public(signers["RS256"], "RS256", alg="RS512"))
    assert status_of(provider.tokens(), signed()) == 401


def test_new_keys_are_fetched_when_a_token_names_one(
    provider: Provider, signed: Callable[..., str], signers: dict[str, Any]
) -> None:
    """Rotation holds at once; but no stream of tokens makes a stream of requests."""
    tokens = provider.tokens()
    assert status_of(tokens, signed()) == 200
    provider.time += 11
    fresh = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    provider.keys = [public(fresh, "new")]
    renewed = signed(key=fresh, headers={"kid": "new"})
    assert status_of(tokens, renewed) == 200
    assert status_of(tokens, signed()) == 401  # the old one is gone
    for _ in range(50):
        assert status_of(tokens, signed(headers={"kid": "invented"})) == 401
    assert provider.asked == 2


def test_known_keys_hold_while_the_provider_is_away_for_a_day(
    provider: Provider, signed: Callable[..., str]
) -> None:
    """Then, and for who comes with a key that is not known, it is 503: nobody can tell."""
    tokens = provider.tokens()
    assert status_of(tokens, signed()) == 200
    provider.keys = None
    provider.time += 3600
    assert status_of(tokens, signed()) == 200
    assert status_of(tokens, signed(headers={"kid": "new"})) == 503
    assert provider.asked == 2
    provider.time += 86400
    assert status_of(tokens, signed()) == 503


def test_without_any_keys_it_is_unavailable_and_then_comes_back(
    provider: Provider, signed: Callable[..., str]
) -> None:
    keys, provider.keys = provider.keys, None
    tokens = provider.tokens()
    assert status_of(tokens, signed()) == 503
    provider.keys = keys
    provider.time += 11
    assert status_of(tokens, signed()) == 200


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"issuer": "http://login.example.org"}, "needs https://"),
        ({"issuer": "login.example.org"}, "needs https://"),
        ({"issuer": ISSUER}, "audience is missing"),
        ({"issuer": ISSUER, "audience": ["a"]}, "roles is missing"),
        ({"keys_url": "http://login.example.org/keys"}, "needs https://"),
    ],
)
def test_settings_that_would_let_others_in_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        OidcSettings(**values)


# --- a certified provider -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified() -> Iterator[str]:
    """The address of oidc-provider, which is certified by the OpenID Foundation."""
    node = shutil.which("node")
    folders = os.environ.get("NODE_PATH", "").split(os.pathsep)
    modules = next((f for f in folders if f and (Path(f) / "oidc-provider").is_dir()), None)
    if node is None or modules is None:
        pytest.skip("node with the npm package oidc-provider (in NODE_PATH) is not installed")
    program = Path(__file__).with_name("provider.mjs")
    process = subprocess.Popen(
        [node, str(program), modules],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.stdout.close()
    process.wait(20)


def issued(issuer: str, resource: str) -> str:
    """An access token for a resource."""
    answer = httpx.post(
        f"{issuer}/token",
        auth=("viewer", "secret"),
        data={"grant_type": "client_credentials", "resource": resource, "scope": "read"},
        trust_env=False,
        timeout=60,
    )
    return str(answer.json()["access_token"])


def test_tokens_of_a_certified_provider_log_in(
    pacs_archive: Archives, plugin: SimpleNamespace, certified: str
) -> None:
    """Of both algorithms; one for another resource does not. No token is ever in the log."""
    oidc = {
        "issuer": certified,
        "audience": ["urn:pacs", "urn:pacs:es"],
        "roles_claim": "realm_access.roles",
        "roles": {"pacs-readers": ["viewer"]},
    }
    web = serve_http(pacs_archive, {"test": plugin}, http={"oidc": oidc})
    with web.client() as client:
        assert client.get("/echo/x").status_code == 401
        for resource, status in (("urn:pacs", 200), ("urn:pacs:es", 200), ("urn:other", 401)):
            headers = {"Authorization": f"Bearer {issued(certified, resource)}"}
            answer = client.get("/echo/x", headers=headers)
            assert answer.status_code == status, resource
            assert client.post("/count", headers=headers).status_code == (403, 401)[status == 401]
        assert answer.headers.get_list("www-authenticate") == [
            'Bearer realm="pacs", error="invalid_token"'
        ]


def test_keys_come_from_where_the_discovery_document_says(certified: str) -> None:
    settings = OidcSettings(issuer=certified, audience=("a",), roles={"a": ("viewer",)})
    assert {each["kid"] for each in fetcher(settings)()} == {"RS256", "ES256"}
    wrong = settings.model_copy(update={"issuer": f"{certified}/"})
    with pytest.raises(ValueError, match="is of the issuer"):
        fetcher(wrong)()


def test_a_provider_that_is_not_there_is_unavailable(
    pacs_archive: Archives, plugin: SimpleNamespace, signed: Callable[..., str]
) -> None:
    """Told by 503, and by the log; who comes with a local token does not feel it."""
    oidc = {
        "issuer": "http://127.0.0.1:9",
        "audience": ["urn:pacs"],
        "roles": {"readers": ["viewer"]},
    }
    web = serve_http(pacs_archive, {"test": plugin}, http={"oidc": oidc})
    with web.client() as client:
        answer = client.get("/echo/x", headers={"Authorization": f"Bearer {signed()}"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "10"
        assert client.get("/echo/x").status_code == 401


def test_a_provider_that_talks_nonsense_is_as_good_as_away(signed: Callable[..., str]) -> None:
    """Whatever listens there: no HTTP, an error, a page, a redirect to elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = SETTINGS.model_copy(update={"issuer": issuer, "timeout": 20.0})
        for said in (
            b"SSH-2.0-OpenSSH\r\n",
            b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
            b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        ):
            talking = threading.Thread(target=_say, args=(listening, said))
            talking.start()
            assert status_of(OidcTokens(settings), signed()) == 503, said
            talking.join(20)


def _say(listening: socket.socket, said: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(said)
