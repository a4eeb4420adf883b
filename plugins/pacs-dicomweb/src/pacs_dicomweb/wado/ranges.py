"""An answer of one thing, or of the range of its bytes that is asked for (RFC 9110 14)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_http.api import Response, byte_range

if TYPE_CHECKING:
    from pacs_http.api import Request

__all__ = ["Give", "in_range"]

Give = Callable[[int, int], bytes | Iterable[bytes | memoryview]]
"""The bytes from a start to an end, which is behind the last one."""


def in_range(
    request: Request,
    give: Give,
    *,
    size: int,
    media_type: str,
    headers: Sequence[tuple[str, str]],
    etag: str,
) -> Response:
    """All ``size`` bytes, or with 206 the one range that is asked for; ``etag`` is for If-Range,
    empty where there is no strong one. Raises `Problem` 416, and what ``give`` raises.
    """
    headers = [*headers, ("Accept-Ranges", "bytes")]
    part = byte_range(request, size, etag)
    start, end = part or (0, size)
    if part is not None:
        headers.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
    return Response(
        status=HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT,
        headers=headers,
        media_type=media_type,
        body=give(start, end),
        length=end - start,
    )
