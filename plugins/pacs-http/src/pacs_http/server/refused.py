"""What is refused before it is a request, and how that is told."""

from __future__ import annotations

import json
from http import HTTPStatus

from pacs_http.problems import MEDIA_TYPE, Problem

__all__ = ["Refused", "answer_of", "check_spoken", "head_too_long", "no_request"]


class Refused(Exception):
    """Something that comes is not taken, with the status that says so."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def no_request() -> Refused:
    """The parser makes nothing of it."""
    return Refused(HTTPStatus.BAD_REQUEST, "this is no request of HTTP/1.1")


def head_too_long(most: int) -> Refused:
    """A head has more than ``most`` bytes."""
    detail = f"address and headers are longer than {most} bytes"
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)


def check_spoken(version: str, headers: list[tuple[bytes, bytes]]) -> None:
    """Raises `Refused` for another version, and for a body in another encoding than chunks, which
    would be taken as it stands.
    """
    if version not in {"1.0", "1.1"}:
        detail = f"HTTP/{version} is not spoken here, but HTTP/1.1 is"
        raise Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, detail)
    values = b",".join(value for name, value in headers if name == b"transfer-encoding")
    *others, last = (each.strip().lower() for each in values.split(b","))
    if last == b"chunked" and any(others):  # without it at the end, the parser refuses them
        detail = "of transfer encodings, chunked alone is known here (RFC 9112 6.1)"
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, detail)


def answer_of(status: HTTPStatus, detail: str, request_id: str) -> bytes:
    """The last answer of a connection: problem details."""
    body = json.dumps(Problem(status, detail).members(request_id)).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"content-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n"
        f"x-request-id: {request_id}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
