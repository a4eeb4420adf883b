"""Media types of what is sent: of a body, and of a part of it."""

from __future__ import annotations

from http import HTTPStatus

from pacs_dicomweb.accept import MediaRange, parse_accept
from pacs_http.api import Problem

__all__ = ["media_type_of"]


def media_type_of(content_type: str, what: str) -> MediaRange:
    """One media type with its parameters. Raises `Problem` 400, which names ``what`` has it."""
    try:
        found = parse_accept(content_type)
    except Problem:
        found = ()
    if len(found) != 1 or "*" in found[0].media_type:
        raise Problem(HTTPStatus.BAD_REQUEST, f"Content-Type of {what} cannot be read")
    return found[0]
