"""Who the client is, and how it calls this server, where proxies stand between."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pacs_http.problems import Problem
from pacs_http.settings import is_loopback

if TYPE_CHECKING:
    from pacs_http.request import Headers

__all__ = ["Addresses", "Whereabouts"]

_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?")
_USUAL_PORTS = {"http": 80, "https": 443}

_SOCKETS = {"ws": "http", "wss": "https"}
"""A WebSocket is found where the HTTP is, and so some proxies and servers say it of a scheme."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The client's address, and scheme, host and port as it sees them."""

    peer: str
    base_url: str


class Addresses:
    """Reads the headers of trusted proxies, and of nobody else.

    Without any proxy trusted, X-Forwarded-For and its kin are words of the client's.
    """

    def __init__(self, trusted: Sequence[str], public_url: str) -> None:
        self._trusted = [ipaddress.ip_network(each) for each in trusted]
        self._public_url = public_url

    def of(self, scope: Any, headers: Headers) -> Whereabouts:
        """The whereabouts of a request. Raises `Problem` 400 for a Host header that is none."""
        peer = str((scope.get("client") or ("",))[0])
        proto, host = str(scope.get("scheme", "http")), headers.get("host")
        if proxied := self._is_trusted(peer):
            peer = self._client(headers) or peer
            proto = _last(headers.get("x-forwarded-proto")) or proto
            host = _last(headers.get("x-forwarded-host")) or host
        if len(headers.all("host")) > 1 or (host is None and scope.get("http_version") == "1.1"):
            raise Problem(HTTPStatus.BAD_REQUEST, "a request has one Host header")
        if host is not None and not _HOST.fullmatch(host):
            raise Problem(HTTPStatus.BAD_REQUEST, "the Host header is no host")
        proto = _SOCKETS.get(proto, proto)
        if proto not in _USUAL_PORTS:
            raise Problem(HTTPStatus.BAD_REQUEST, "X-Forwarded-Proto is neither http nor https")
        if host is None:
            host = _server(scope)
        elif not proxied:
            host = _with_port(host, proto, scope)
        return Whereabouts(peer, self._public_url or f"{proto}://{host}")

    def _client(self, headers: Headers) -> str:
        """The last address that no trusted proxy has: those before it may be invented."""
        hops = [each.strip() for each in headers.get("x-forwarded-for", "").split(",")]
        return next((hop for hop in reversed(hops) if hop and not self._is_trusted(hop)), "")

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _last(value: str | None) -> str:
    return (value or "").rpartition(",")[2].strip()


def _with_port(host: str, proto: str, scope: Any) -> str:
    """A Host header with the port, where a client calls us by the very address that it is connected
    to and leaves it out, as Python's dicomweb-client does: references would lead nowhere.
    """
    found = _HOST.fullmatch(host)
    address, port = (scope.get("server") or ("", None))[:2]
    if not (found and port) or found[2] or port == _USUAL_PORTS[proto]:
        return host
    name = found[1].strip("[]").lower()
    is_ours = name == address or (name == "localhost" and is_loopback(str(address)))
    return f"{host}:{port}" if is_ours else host


def _server(scope: Any) -> str:
    host, port = (scope.get("server") or ("localhost", None))[:2]
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else str(host)
