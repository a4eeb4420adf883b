"""What a plugin behind a service refuses, as the answer of HTTP."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import TypeVar

from pacs_framework.errors import PacsError
from pacs_http.api import Problem, Request, Response

__all__ = ["check_no_link", "refusal", "told", "warning"]

_LONGEST = 200

_Service = TypeVar("_Service")
_Handler = Callable[[_Service, Request], Response]


def refusal(error: PacsError) -> Problem:
    """The problem for ``error``, with the status of DIMSE and a Warning that says the same."""
    return Problem(
        error.http_status,
        str(error),
        headers=[("Warning", warning(str(error)))],
        code=f"{error.status:04X}",
    )


def warning(text: str) -> str:
    """The value of a header Warning (RFC 9111 5.5, PS3.18 8.4.2)."""
    plain = (each if each.isascii() and each not in '"\\\r\n' else "'" for each in text[:_LONGEST])
    return f'299 - "{"".join(plain)}"'


def check_no_link(request: Request, what: str) -> None:
    """Raise `Problem` 403 for a link: whoever has one to a study has it to look at that alone."""
    if request.principal.kind == "link":
        raise Problem(HTTPStatus.FORBIDDEN, f"a link is for a study, not for {what}")


def told(what: str) -> Callable[[_Handler[_Service]], _Handler[_Service]]:
    """For handlers of a service: what is refused behind it is told, and a link gets nothing of
    ``what`` it is about.
    """

    def decorate(handler: _Handler[_Service]) -> _Handler[_Service]:
        @wraps(handler)
        def handle(service: _Service, request: Request) -> Response:
            check_no_link(request, what)
            try:
                return handler(service, request)
            except PacsError as error:
                raise refusal(error) from error

        return handle

    return decorate
