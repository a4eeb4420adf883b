"""HTTPS, with and without a certificate of the client."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest

from pacs_framework import hookimpl
from pacs_framework.network.tls import client_context
from pacs_framework.testing.certificates import Certificates, make_certificates
from pacs_framework.testing.factories import Archives
from pacs_http.api import Action, Level, Request, Response, Route, json_response
from pacs_http.settings import HttpSettings
from pacs_http.testing import WebArchive, serve_http


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


def shown(request: Request) -> Response:
    """Whose certificate, and by which scheme."""
    return json_response([request.tls_subject, request.base_url.partition(":")[0]])


def long(_: Request) -> Response:
    """More than is sent at once, in pieces of all sizes."""
    return Response(body=(bytes([number % 251]) * (number * 1000) for number in range(100)))


@pytest.fixture
def secure(pacs_archive: Archives, certificates: Certificates) -> WebArchive:
    """HTTPS, which asks for a certificate and takes none, too."""
    return _served(pacs_archive, certificates)


def _served(
    archives: Archives,
    made: Certificates,
    client_certificates: str = "optional",
    **more: object,
) -> WebArchive:
    declared = [
        Route(
            method="GET",
            path=f"/{handler.__name__}",
            handler=handler,
            level=Level.SYSTEM,
            action=Action.READ,
            summary="for a test",
        )
        for handler in (shown, long)
    ]
    tls = {
        "enabled": True,
        "certificate": made.server,
        "key": made.server,
        "ca": made.ca,
        "client_certificates": client_certificates,
    }
    plugin = SimpleNamespace(http_routes=hookimpl(lambda: declared))
    return serve_http(archives, {"test": plugin}, http={"tls": tls, "header_timeout": 1.0, **more})


def test_a_long_answer_comes_whole(secure: WebArchive, certificates: Certificates) -> None:
    """By the event loop: what is encrypted there is nothing for another thread to write."""
    context = client_context(ca=certificates.ca)
    with httpx.Client(base_url=secure.url, verify=context, trust_env=False) as client:
        answer = client.get("/long").content
    assert answer == b"".join(bytes([number % 251]) * (number * 1000) for number in range(100))


def test_requests_know_who_showed_a_certificate(
    secure: WebArchive, certificates: Certificates
) -> None:
    """One that our authorities signed; the address that is given says https."""
    seen = []
    for own in (None, certificates.client):
        context = client_context(ca=certificates.ca, certificate=own, key=own)
        with httpx.Client(base_url=secure.url, verify=context, trust_env=False) as client:
            seen.append(client.get("/shown").json())
    assert secure.url.startswith("https://")
    assert seen == [["", "https"], ["CN=client,O=Hospital", "https"]]


def test_a_certificate_that_nobody_signed_is_refused(
    secure: WebArchive, certificates: Certificates
) -> None:
    stranger = certificates.stranger
    context = client_context(ca=certificates.ca, certificate=stranger, key=stranger)
    with (
        httpx.Client(base_url=secure.url, verify=context, trust_env=False) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.get("/shown")


def test_a_handshake_that_does_not_come_is_not_waited_for(secure: WebArchive) -> None:
    """After header_timeout, which is a second here."""
    where = urlsplit(secure.url)
    with socket.create_connection((where.hostname, where.port), timeout=60) as peer:
        assert peer.recv(1) == b""


@pytest.mark.parametrize(
    ("known", "statuses"),
    [
        ("CN=client,O=Hospital", [401, 200]),
        ("CN=other,O=Hospital", [401, 401]),
        ("DNS:client", [401, 200]),
        ("DNS:server", [401, 401]),
    ],
)
def test_a_certificate_logs_in_where_it_is_known(
    pacs_archive: Archives, certificates: Certificates, known: str, statuses: list[int]
) -> None:
    """As soon as one is, nobody gets in without."""
    web = _served(pacs_archive, certificates, certificates={known: ["viewer"]})
    got = []
    for own in (None, certificates.client):
        context = client_context(ca=certificates.ca, certificate=own, key=own)
        with httpx.Client(base_url=web.url, verify=context, trust_env=False) as client:
            got.append(client.get("/shown").status_code)
    assert got == statuses


def test_a_certificate_is_known_by_its_names_and_roles_that_there_are() -> None:
    tls = {
        "enabled": True,
        "certificate": "a.pem",
        "key": "a.pem",
        "ca": "ca.pem",
        "client_certificates": "optional",
    }
    with pytest.raises(ValueError, match="there is no role 'vewer'"):
        HttpSettings(tls=tls, certificates={"CN=client": ("vewer",)})


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_logs_in_by_its_certificate(
    pacs_archive: Archives, certificates: Certificates
) -> None:
    """Where one is required, nobody else gets as far as a request."""
    known = {"CN=client,O=Hospital": ["viewer"]}
    web = _served(pacs_archive, certificates, client_certificates="required", certificates=known)
    curl = ["curl", "-sS", "--noproxy", "*", "--cacert", str(certificates.ca), f"{web.url}/shown"]
    done = subprocess.run(
        [*curl, "--cert", str(certificates.client)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == ["CN=client,O=Hospital", "https"]
    without = subprocess.run(curl, capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert without.stdout == ""
