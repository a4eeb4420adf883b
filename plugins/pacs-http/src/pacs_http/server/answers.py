"""Answers of the server's own, and the headers that every answer has."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_http.problems import MEDIA_TYPE, Problem
from pacs_http.response import Response

if TYPE_CHECKING:
    from pacs_http.router import Router

__all__ = ["encoded_headers", "options_answer", "problem_response"]

_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


def problem_response(problem: Problem, request_id: str) -> Response:
    """Problem details as an answer."""
    return Response(
        status=problem.status,
        headers=(*problem.headers, ("Cache-Control", "no-store")),
        media_type=MEDIA_TYPE,
        body=json.dumps(problem.members(request_id), ensure_ascii=False).encode(),
    )


def options_answer(router: Router, raw_path: bytes) -> Response | None:
    """What may be asked of an address; None where a route answers that itself."""
    try:
        router.find("OPTIONS", raw_path)
    except Problem as problem:
        if problem.status != HTTPStatus.METHOD_NOT_ALLOWED:
            raise
        return Response(status=HTTPStatus.NO_CONTENT, headers=problem.headers)
    return None


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def encoded_headers(
    response: Response, request_id: str, *, closes: bool
) -> list[tuple[bytes, bytes]]:
    """The headers of an answer as ASGI wants them.

    What is kept of patients is kept for who asked alone, and asked for again, unless a route says
    more. Raises UnicodeEncodeError for a value that no header can hold.
    """
    headers = [(name.lower(), value) for name, value in response.headers]
    named = {name for name, _ in headers}
    headers.append(("date", _date(int(time.time()))))
    headers.append(("x-request-id", request_id))
    headers.append(("x-content-type-options", "nosniff"))
    if "cache-control" not in named:
        headers.append(("cache-control", "private, no-cache"))
    if response.media_type and "content-type" not in named:
        headers.append(("content-type", response.media_type))
    length = len(response.body) if isinstance(response.body, bytes) else response.length
    if length is not None and "content-length" not in named and response.status not in _BODILESS:
        headers.append(("content-length", str(length)))
    if closes and "connection" not in named:
        headers.append(("connection", "close"))
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
