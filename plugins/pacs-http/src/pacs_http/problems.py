"""Errors as answers: problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pacs_framework.errors import PacsError

__all__ = ["MEDIA_TYPE", "ClientGone", "Problem", "as_problem"]

MEDIA_TYPE = "application/problem+json"


class ClientGone(Exception):
    """The client has closed the connection: there is nobody left to answer."""


class Problem(Exception):
    """An answer that is not what was asked for; a handler raises it.

    ``detail`` says what is wrong and what to do, without patient data. ``title`` is the phrase of
    ``status`` unless told. ``more`` are further members (RFC 9457 3.2).
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str = "",
        headers: Sequence[tuple[str, str]] = (),
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.detail = detail
        self.title = title or self.status.phrase
        self.headers = tuple(headers)
        self.more = more

    def members(self, request_id: str) -> Mapping[str, Any]:
        """The JSON object: ``instance`` is the request as the log names it."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status.value,
            "detail": self.detail,
            "instance": f"urn:request:{request_id}",
            **self.more,
        }


def as_problem(error: Exception) -> Problem:
    """What is answered for an exception of a handler.

    The messages of `PacsError` are made to travel; those of all others stay here, because they may
    hold anything.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, PacsError):
        headers = [("Retry-After", "10")] if error.http_status == _AWAY else []
        return Problem(error.http_status, str(error), headers=headers)
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the archive failed over this request; its log has more under the number of the request",
    )


_AWAY = HTTPStatus.SERVICE_UNAVAILABLE
