"""What a handler gives: status, headers, and a body whole or in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Chunk", "Response", "json_response"]

Chunk = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer.

    ``body`` is whole, or an iterable of chunks that is gone through in the handler's thread while
    the server sends: the next chunk is made while the last is on its way. Chunks are not changed
    after they were given. Its ``close``, if it has one, is called at the end, whatever the end is.
    What it raises before the first chunk is answered as an error; later the connection is cut, so
    that the client does not take a part for the whole.

    ``length`` of an iterable in bytes becomes Content-Length; a body that turns out to be shorter
    or longer is cut. Without it the transfer is chunked.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    media_type: str = ""
    body: bytes | Iterable[Chunk] = field(default=b"", repr=False)
    length: int | None = None


def json_response(
    value: Any,
    *,
    status: int = 200,
    media_type: str = "application/json",
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """An answer in JSON, as UTF-8."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(status=status, headers=headers, media_type=media_type, body=body.encode())
