"""How a client calls this server: what it is told leads back here."""

from __future__ import annotations

import pytest

from pacs_http.api import Headers
from pacs_http.server.addresses import Addresses

_HERE = {"client": ("127.0.0.1", 50000), "scheme": "http", "http_version": "1.1"}


def _called(host: str, *, trusted: tuple[str, ...] = (), url: str = "", **scope: object) -> str:
    known = _HERE | {"server": ("127.0.0.1", 8042)} | scope
    return Addresses(trusted, url).of(known, Headers((("host", host),))).base_url


@pytest.mark.parametrize(
    ("host", "scope", "called"),
    [
        ("127.0.0.1:8042", {}, "http://127.0.0.1:8042"),
        ("127.0.0.1", {}, "http://127.0.0.1:8042"),
        ("localhost", {}, "http://localhost:8042"),
        ("LOCALHOST", {}, "http://LOCALHOST:8042"),
        ("[::1]", {"server": ("::1", 8042)}, "http://[::1]:8042"),
        ("127.0.0.1", {"scheme": "ws"}, "http://127.0.0.1:8042"),
        ("10.0.0.5", {"server": ("10.0.0.5", 8443), "scheme": "https"}, "https://10.0.0.5:8443"),
    ],
)
def test_a_port_that_a_client_leaves_out_is_known(
    host: str, scope: dict[str, object], called: str
) -> None:
    """Where it calls us by the address that it is connected to."""
    assert _called(host, **scope) == called


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("pacs.hospital.example", {}),
        ("10.0.0.5", {}),  # a port that a container maps
        ("localhost", {"server": ("10.0.0.5", 8042)}),
        ("127.0.0.1:80", {}),
        ("127.0.0.1", {"server": ("127.0.0.1", 80)}),
        ("127.0.0.1", {"server": ("127.0.0.1", None)}),
        ("127.0.0.1", {"server": None}),
        ("127.0.0.1", {"trusted": ("127.0.0.0/8",)}),
    ],
)
def test_a_name_that_is_another_ones_is_left_as_it_is(host: str, scope: dict[str, object]) -> None:
    """A proxy or a container may be there under it, on a port that we do not know."""
    assert _called(host, **scope) == f"http://{host}"


def test_a_public_name_goes_before_all() -> None:
    assert _called("127.0.0.1", url="https://pacs.example") == "https://pacs.example"
