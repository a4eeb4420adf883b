"""DCMTK's echoscu, an independent requestor in C++."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from loopback_peers import Listen, at_rest, echo_service

from pacs_framework.network.tls import server_context
from pacs_framework.testing.certificates import Certificates

ECHOSCU = Path("/usr/bin/echoscu")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not ECHOSCU.exists(), reason="DCMTK is not installed: no /usr/bin/echoscu"),
]


def echoscu(*arguments: str) -> str:
    done = subprocess.run(
        [ECHOSCU, "-v", *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout + done.stderr


def test_echo_and_release(listen: Listen) -> None:
    """Three echoes on one association; the thread ends with it."""
    listener = listen(echo_service(), check_called_aet=True)
    port = str(listener.address[1])
    said = echoscu("--repeat", "3", "--call", "PACS", "127.0.0.1", port)
    assert said.count("Received Echo Response (Success)") == 3
    assert "Releasing Association" in said
    at_rest(listener)


def test_128_contexts(listen: Listen) -> None:
    """As many as an association can have, with 38 transfer syntaxes each."""
    listener = listen(echo_service())
    said = echoscu("-ppc", "128", "-pts", "38", "127.0.0.1", str(listener.address[1]))
    assert "Received Echo Response (Success)" in said


def test_abort(listen: Listen) -> None:
    """DCMTK aborts instead of releasing."""
    listener = listen(echo_service())
    assert "Aborting Association" in echoscu("--abort", "127.0.0.1", str(listener.address[1]))
    at_rest(listener)


def test_tls(listen: Listen, certificates: Certificates) -> None:
    """Both sides with certificates, where this DCMTK was built with OpenSSL."""
    if "+tls" not in echoscu("--help"):
        pytest.skip("this echoscu was built without TLS")
    tls = server_context(certificates.server, ca=certificates.ca, client_certificates="required")
    listener = listen(echo_service(), tls=tls)
    client = str(certificates.client)
    said = echoscu(
        *("+tls", client, client, "+cf", str(certificates.ca)),
        *("127.0.0.1", str(listener.address[1])),
    )
    assert "Received Echo Response (Success)" in said
