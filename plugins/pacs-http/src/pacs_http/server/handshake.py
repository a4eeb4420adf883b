"""Whether somebody asks for a WebSocket, and what is left of a request that asks for another."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

__all__ = ["is_handshake", "without_upgrade"]

_KEY_BYTES = 16
_HOPS = {b"upgrade", b"http2-settings"}  # what goes with an upgrade, as headers and in Connection
_HEADERS = ("upgrade", "sec-websocket-key", "sec-websocket-version")


def is_handshake(method: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a request that asks for an upgrade asks for a WebSocket, as RFC 6455 4.2.1 wants it.

    What is a little off is answered as a request without it, and so is told what is missing.
    """
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())
    if (
        method != b"GET"
        or "transfer-encoding" in found
        or found.get("content-length", ["0"]) != ["0"]
    ):
        return False
    upgrade, key, version = (found.get(name, [""]) for name in _HEADERS)
    try:
        nonce = base64.b64decode(key[0], validate=True)
    except (binascii.Error, ValueError):
        return False
    return (
        len(key) == 1
        and len(nonce) == _KEY_BYTES
        and version == ["13"]
        and [each.lower() for each in upgrade] == ["websocket"]
    )


def without_upgrade(request_line: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head of a request without what asks for an upgrade. Raises ValueError for a tunnel."""
    if request_line.startswith(b"CONNECT "):
        raise ValueError("CONNECT asks for a tunnel")
    lines = [request_line]
    for name, value in headers:
        if name == b"connection":
            wanted = [each for each in value.split(b",") if each.strip().lower() not in _HOPS]
            lines += [b"connection: " + b",".join(wanted)] if wanted else []
        elif name not in _HOPS:
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])
