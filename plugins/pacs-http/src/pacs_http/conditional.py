"""Requests with conditions: what has not changed, and a part of it (RFC 9110 13 and 14)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_http.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_http.request import Request
    from pacs_http.response import Response

__all__ = ["answered_if_match", "byte_range", "not_modified"]

_ETAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


def answered_if_match(
    handler: Callable[[Request], Response], method: str, request: Request
) -> Response:
    """What ``handler`` answers to a request with If-Match; raises `Problem` 412 if that is not met.

    ETags are compared strongly (RFC 9110 13.1.1): a weak one never matches. Nothing that is changed
    by HTTP has an ETag, so that a change is refused before it begins, unless any state will do (*).
    """
    wanted = request.headers["if-match"].strip()
    reads = method in ("GET", "HEAD")
    if wanted == "*":
        return handler(request)
    if not reads:
        raise _not_met()
    response = handler(request)
    etag = next((value for name, value in response.headers if name.lower() == "etag"), "")
    shown = [opaque for weak, opaque in _ETAG.findall(wanted) if not weak]
    if response.status < HTTPStatus.BAD_REQUEST and etag not in shown:
        close = getattr(response.body, "close", None)
        if close is not None:
            close()
        raise _not_met()
    return response


def _not_met() -> Problem:
    return Problem(
        HTTPStatus.PRECONDITION_FAILED, "what is here is not what If-Match names: ask without it"
    )


def not_modified(request: Request, etag: str) -> bool:
    """Whether the client has what ``etag`` names (with its quotes): answer 304 with the ETag.

    Compared as If-None-Match is, where weak and strong are alike (RFC 9110 13.1.2).
    """
    wanted = request.headers.get("if-none-match")
    if wanted is None:
        return False
    opaque = etag.removeprefix("W/")
    return wanted.strip() == "*" or any(opaque == each for _, each in _ETAG.findall(wanted))


def byte_range(request: Request, size: int, etag: str = "") -> tuple[int, int] | None:
    """Start and end (behind the last byte) of the one range that is asked for, of ``size`` bytes.

    None is everything: no range, several of them, another unit, or an If-Range (RFC 9110 13.1.5)
    that is not ``etag``. Raises `Problem` 416 for a range outside of it.
    """
    wanted = request.headers.get("range")
    condition = request.headers.get("if-range")
    if wanted is None or (condition is not None and (not etag or condition.strip() != etag)):
        return None
    found = _RANGE.fullmatch(wanted)
    if found is None or not (found[1] or found[2]):
        return None
    if found[1]:
        start, end = int(found[1]), min(int(found[2]) + 1 if found[2] else size, size)
        if found[2] and int(found[2]) < start:
            return None  # no range at all (RFC 9110 14.1.1), so it is not heeded
    else:
        start, end = max(size - int(found[2]), 0), size
    if start >= end:
        raise Problem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the range is outside of {size} bytes",
            headers=[("Content-Range", f"bytes */{size}")],
        )
    return start, end
