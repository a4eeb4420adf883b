"""Who tries to get in by tricks: with headers, methods and addresses that nobody would send."""

from __future__ import annotations

import base64
import socket
from contextlib import closing
from functools import cache
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from pacs_framework.network.tls import subject_of_certificate
from pacs_framework.testing.factories import Archives
from pacs_http.access import passwords
from pacs_http.access.accounts import Accounts
from pacs_http.access.passwords import Guesses, hashed
from pacs_http.testing import WebArchive, serve_http


def accounts_of(web: WebArchive) -> Accounts:
    return Accounts(web.running.archive.tables("http"))


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@cache
def password() -> str:
    """A hash takes a tenth of a second."""
    return hashed("password")


@pytest.fixture
def guarded(pacs_archive: Archives, plugin: SimpleNamespace) -> WebArchive:
    """With a viewer jane, whose password is "password", and an editor eve with the same."""
    web = serve_http(pacs_archive, {"test": plugin}, http={"login": "required"})
    for name, role in (("jane", "viewer"), ("eve", "editor")):
        accounts_of(web).add_user(name, password(), [role])
    return web


def test_two_proofs_prove_nothing(guarded: WebArchive) -> None:
    """In one header or in two, and in whatever order: nobody is to guess which of them counts."""
    good = f"Bearer {accounts_of(guarded).create_token('app', ['viewer'])}"
    bad = "Bearer pacs_000000000000_" + "a" * 43
    with guarded.client() as client:
        for pair in ((good, bad), (bad, good), (good, good), (basic("jane", "password"), good)):
            headers = [("Authorization", each) for each in pair]
            assert client.get("/echo/x", headers=headers).status_code == 401, pair
            guarded_again = client.get("/echo/x", headers={"Authorization": good})
            assert guarded_again.status_code == 200  # and it is not held against the next one


_FORMS = (
    ("bearer {}", 200),  # a scheme has no case (RFC 9110 11.1), a token has
    ("BEARER   {}", 200),
    ("Bearer\t{}", 401),
    ("Bearer{}", 401),
    ("{}", 401),
    ("Bearer {}x", 401),
    ("Bearer {} x", 401),
    ("Bearer {},", 401),
    ("Bearer={}", 401),
    ("Basic {}", 401),
    ('Bearer "{}"', 401),
)


def test_a_token_is_shown_in_one_way(guarded: WebArchive) -> None:
    token = accounts_of(guarded).create_token("app", ["viewer"])
    with guarded.client() as client:

        def status(shown: str) -> int:
            return int(client.get("/echo/x", headers={"Authorization": shown}).status_code)

        for form, expected in (*_FORMS, (f"Bearer {token.upper()}", 401)):
            assert status(form.format(token)) == expected, form
            assert status(f"Bearer {token}") == 200


def test_a_name_is_taken_as_it_is(guarded: WebArchive) -> None:
    with guarded.client() as client:
        for shown in ("jane:x\0password", "Jane:password", "jane :password", "jane"):
            proof = "Basic " + base64.b64encode(shown.encode()).decode()
            assert client.get("/echo/x", headers={"Authorization": proof}).status_code == 401


_OF_OTHERS = (
    {"X-HTTP-Method-Override": "POST"},
    {"X-HTTP-Method": "POST"},
    {"X-Method-Override": "POST"},
    {"X-Original-URL": "/count"},
    {"X-Rewrite-URL": "/count"},
    {"X-Forwarded-User": "eve", "X-Remote-User": "eve", "Remote-User": "eve"},
    {"X-SSL-Client-S-DN": "CN=viewer,O=Hospital", "SSL_CLIENT_S_DN": "CN=viewer"},
    {"X-Forwarded-Prefix": "/shared/link_x", "Forwarded": "for=127.0.0.1"},
)


def test_headers_by_which_others_are_let_in_count_for_nothing(guarded: WebArchive) -> None:
    """Methods, addresses and names in headers are for servers that believe them."""
    jane = ("jane", "password")
    with guarded.client() as client:
        for headers in _OF_OTHERS:
            assert client.get("/echo/x", headers=headers).status_code == 401
            seen = client.get("/echo/x", headers=headers, auth=jane)
            assert (seen.status_code, seen.json()["principal"]) == (200, "jane")
            refused = client.post("/count", headers=headers, auth=jane, content=b"x")
            assert refused.status_code == 403


def test_a_method_is_judged_as_what_it_does(guarded: WebArchive) -> None:
    """HEAD as GET; OPTIONS tells methods, and never what there is; others are not known."""
    with guarded.client() as client:
        assert client.head("/echo/x").status_code == 401
        assert client.head("/echo/x", auth=("jane", "password")).content == b""
        assert client.options("/studies/1.2").headers["allow"] == "GET, HEAD, OPTIONS"
        assert client.options("/studies/9.9").headers["allow"] == "GET, HEAD, OPTIONS"
        for method in ("TRACE", "CONNECT", "PROPFIND"):
            answer = client.request(method, "/echo/x", auth=("jane", "password"))
            assert answer.status_code in {400, 405, 501}, method
        assert client.request("PUT", "/count", auth=("eve", "password")).status_code == 405


_SPELLINGS = (
    "/ECHO/x",
    "//echo/x",
    "/echo//x",
    "/echo/x/",
    "/./echo/x",
    "/rest/../echo/x",
    "/rest/%2e%2e/echo/x",
    "/rest/..%2fecho/x",
    "/echo/%2500",
    "/echo/%00",
    "/%65cho/x",
    "/echo;a=b/x",
    "/shared/x/echo/x",
    "/%73hared/link_000000000000_" + "a" * 43 + "/echo/x",
    "/shared/link_000000000000_" + "a" * 43 + "/echo/x",
    "/health/live/../../echo/x",
    "/health/live%2f..%2f..%2fecho/x",
)


def test_no_spelling_of_an_address_opens_it(guarded: WebArchive) -> None:
    """Sent as it is: a client would mend it."""
    where = urlsplit(guarded.url)
    for target in _SPELLINGS:
        request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        with closing(socket.create_connection((where.hostname, where.port), timeout=60)) as line:
            line.sendall(request.encode())
            answer = b"".join(iter(lambda line=line: line.recv(65536), b""))
        assert int(answer.split()[1]) in {400, 401, 404}, target


def test_own_logins_do_not_help_to_guess(guarded: WebArchive) -> None:
    """Eve, who has a login, shows it between her guesses at jane's password."""
    seen = []
    with guarded.client() as client:
        for guess in range(Guesses.FREE + 1):
            seen.append(client.get("/echo/x", auth=("jane", f"guess {guess}")).status_code)
            assert client.get("/echo/x", auth=("eve", "password")).status_code == 200
        assert client.get("/echo/x", auth=("jane", "password")).status_code == 429
    assert seen == [401] * Guesses.FREE + [429]


def test_whose_name_is_too_long_is_counted_with_all(guarded: WebArchive) -> None:
    """Nobody fills the memory with names."""
    with guarded.client() as client:
        for number in range(Guesses.FREE):
            client.get("/echo/x", auth=("n" * 5000 + str(number), "password"))
        assert client.get("/echo/x", auth=("jane", "password")).status_code == 429


def test_a_page_of_others_does_nothing_by_a_password_that_a_browser_remembers(
    guarded: WebArchive,
) -> None:
    """A token is in nobody's memory: who shows it has it."""
    token = {"Authorization": f"Bearer {accounts_of(guarded).create_token('app', ['editor'])}"}
    host = guarded.url.removeprefix("http://")
    origins = {
        None: 200,
        guarded.url: 200,
        f"https://{host}": 200,  # a proxy has taken TLS off
        "https://evil.example": 403,
        f"http://{host}.evil.example": 403,
        f"http://evil.example@{host}": 403,
        "null": 403,
        "http://[": 403,
        "": 403,
    }
    with guarded.client() as client:
        for origin, status in origins.items():
            headers = {} if origin is None else {"Origin": origin}
            sent = client.post("/count", headers=headers, auth=("eve", "password"), content=b"x")
            assert sent.status_code == status, origin
            sent = client.post("/count", headers={**headers, **token}, content=b"x")
            assert sent.status_code == 200
            assert client.get("/echo/x", headers=headers, auth=("eve", "password")).is_success


def test_a_rebound_name_gets_nowhere_where_a_public_one_is_configured(
    pacs_archive: Archives, plugin: SimpleNamespace
) -> None:
    """public_url says how the server is called, not that whoever asks called it so."""
    web = serve_http(
        pacs_archive, {"test": plugin}, http={"public_url": "http://pacs.example.org:8042"}
    )
    with web.client() as client:
        for host, status in (("evil.example", 403), ("pacs.example.org:8042", 200), (None, 200)):
            headers = {} if host is None else {"Host": host}
            assert client.get("/echo/x", headers=headers).status_code == status


def test_certificates_are_not_confused_by_their_names() -> None:
    """One organization may issue CN=boss,O=Hospital; nobody gets that by a name with a comma."""
    honest = {"subject": ((("organizationName", "Hospital"),), (("commonName", "boss"),))}
    clever = {"subject": ((("commonName", "boss,O=Hospital"),),)}
    assert subject_of_certificate(honest) == "CN=boss,O=Hospital"
    assert subject_of_certificate(clever) == "CN=boss\\,O=Hospital"


def test_a_link_beside_a_login_is_the_link(guarded: WebArchive) -> None:
    """Who opens one gets what it is for, whoever he is: and nothing where it is none."""
    link = "/shared/link_000000000000_" + "a" * 43
    with guarded.client() as client:
        assert client.get(f"{link}/echo/x", auth=("eve", "password")).status_code == 404


def test_timing_of_a_login_does_not_tell_names(
    guarded: WebArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password of nobody is hashed as one of a user is: counted, for time is not to be had."""
    verified = []
    real = passwords._hasher

    class Counting:
        def verify(self, kept: str, password: str) -> bool:
            verified.append(kept[:10])
            return real.verify(kept, password)

        def hash(self, password: str) -> str:
            return real.hash(password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    with guarded.client() as client:
        for name in ("jane", "nobody"):
            assert client.get("/echo/x", auth=(name, "wrong")).status_code == 401
    assert verified == ["$argon2id$"] * 2
