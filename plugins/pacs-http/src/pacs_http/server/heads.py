"""Requests that are a head and nothing else, as a thread reads them from a line that it has."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import httptools

__all__ = ["is_plain", "scope_of"]

_METHODS = {"GET", "HEAD"}
_NOT_PLAIN = {
    b"content-length",
    b"expect",
    b"origin",  # who asks from another page is answered by way of the rules for that
    b"transfer-encoding",
    b"upgrade",
}


def is_plain(method: str, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether nothing follows a head, and nothing else is asked for than an answer."""
    return method in _METHODS and all(
        name not in _NOT_PLAIN and (name != b"connection" or value.lower() == b"keep-alive")
        for name, value in headers
    )


def scope_of(data: bytes, before: dict[str, Any]) -> dict[str, Any] | None:
    """What ASGI tells an application of the one request that ``data`` is, on the connection of the
    one ``before``. None where it is anything but one whole request that `is_plain` and leaves the
    connection open: that is for the event loop to read, and to refuse.
    """
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(data)
        url = httptools.parse_url(reading.url)
        path = url.path.decode("ascii")
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError, AttributeError):
        return None
    method = parser.get_method().decode("ascii")
    if (
        (reading.begun, reading.whole) != (1, 1)
        or parser.get_http_version() != "1.1"
        or not is_plain(method, reading.headers)
    ):
        return None
    return {
        **before,
        "method": method,
        "path": unquote(path) if "%" in path else path,
        "raw_path": url.path,
        "query_string": url.query or b"",
        "headers": reading.headers,
    }


class _Reading:
    """What the parser finds."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.begun = self.whole = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        """A piece of its address."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        """Its end."""
        self.whole += 1
