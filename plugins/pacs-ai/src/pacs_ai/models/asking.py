"""Asking an inference server by HTTP: in time, not twice, and not for more than can be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

__all__ = ["SAID", "answer_of", "client_of"]

SAID = 200
"""So many bytes of what a server says go into a reason."""

_CONNECT_SECONDS = 10.0
_RETRIES = 3  # of connections that did not come about: then the server has not got anything
_PLAIN = {"Accept-Encoding": "identity"}
# Triton compresses tensors for whoever takes it, and works longer on that than on all else.


def client_of(seconds: float, headers: Mapping[str, str]) -> httpx.Client:
    """A client that waits for so many ``seconds`` at most; without proxies and redirections."""
    return httpx.Client(
        headers={**_PLAIN, **headers},
        timeout=httpx.Timeout(seconds, connect=_CONNECT_SECONDS),
        transport=httpx.HTTPTransport(retries=_RETRIES),
    )


def answer_of(
    client: httpx.Client, method: str, url: str, *, most: int, **request: Any
) -> tuple[httpx.Headers, bytes]:
    """Headers and body of the answer.

    Raises ValueError for an error and for more than ``most`` bytes, and `httpx.HTTPError`.
    """
    with client.stream(method, url, **request) as answer:
        body = bytearray()
        for part in answer.iter_bytes():
            body += part
            if len(body) > most:
                raise ValueError(f"{url} answers with more than {most} bytes")
    if answer.status_code != httpx.codes.OK:
        said = bytes(body[:SAID]).decode("utf-8", "replace")
        raise ValueError(f"{url} answers {answer.status_code} {said}")
    return answer.headers, bytes(body)
