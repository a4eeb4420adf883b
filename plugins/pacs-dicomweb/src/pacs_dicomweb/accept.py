"""What a client accepts: the header Accept, or the parameter ``accept`` (PS3.18 8.3.3.1, 8.7).

PS3.18 says with parameters of media types what each part is to be (``type``) and how it is encoded
(``transfer-syntax``), so this reads parameters that other servers may pass over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_http.api import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_http.api import Request

__all__ = ["MediaRange", "accepted", "not_acceptable", "parse_accept"]

_LONGEST = 8192
_MOST_RANGES = 64
_CHARSETS = frozenset({"*", "utf-8", "utf8"})

_RELATED = "multipart/related"

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_range = re.compile(rf"\s*({_NAME})/({_NAME})\s*").match
# Slashes in a value should be quoted (RFC 9110 5.6.2), and PS3.18's own examples do not quote them.
_parameter = re.compile(rf';\s*({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))\s*').match
_unquoted = re.compile(r"\\(.)").sub


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One of the ranges that a client accepts, but for those ``refused`` that are narrower.

    ``type`` is that of the parts of a multipart.
    """

    media_type: str
    quality: float = 1.0
    parameters: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[MediaRange, ...] = ()

    @property
    def part_type(self) -> str:
        """What each part is to be, ``*/*`` where it does not say."""
        return self.parameters.get("type", "*/*").lower()

    @property
    def transfer_syntax(self) -> str:
        """The transfer syntax that it asks for, ``*`` for any, empty where it does not say."""
        return self.parameters.get("transfer-syntax", "")

    def takes(self, media_type: str) -> bool:
        """Whether a single part of this media type is in the range."""
        return _includes(self.media_type, media_type) and not any(
            each.takes(media_type) for each in self.refused
        )

    def takes_parts(self, media_type: str) -> bool:
        """Whether ``multipart/related`` with parts of this media type is in the range."""
        found = _includes(self.media_type, _RELATED) and _includes(self.part_type, media_type)
        return found and not any(each.takes_parts(media_type) for each in self.refused)

    @property
    def breadth(self) -> tuple[int, int]:
        """How many wildcards it has: the less, the narrower."""
        return self.media_type.count("*"), self.part_type.count("*")


def _includes(wanted: str, media_type: str) -> bool:
    if wanted in {"*/*", media_type}:
        return True
    return wanted.endswith("/*") and media_type.startswith(wanted[:-1])


def accepted(request: Request) -> Sequence[MediaRange]:
    """What a request accepts, best first; everything where it does not say.

    The parameter ``accept`` of the query goes before the header. Raises `Problem` 400 for what
    cannot be read, and 406 for another character set than UTF-8.
    """
    text = ",".join(request.all("accept")) or request.headers.get("accept") or "*/*"
    ranges = parse_accept(text)
    charset = request.first("charset") or request.headers.get("accept-charset") or "utf-8"
    asked = [part.partition(";")[0].strip().lower() for part in charset.split(",")]
    asked += [r.parameters["charset"].lower() for r in ranges if "charset" in r.parameters]
    if not _CHARSETS.intersection(asked):
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "text is answered in UTF-8 alone")
    return ranges


@lru_cache(maxsize=128)  # a client says the same with every request
def parse_accept(text: str) -> tuple[MediaRange, ...]:
    """The ranges of an Accept header, best first. What those of quality 0 name is taken out of
    broader ones (RFC 9110 12.4.2), but where they name transfer syntaxes. Raises `Problem` 400.
    """
    if len(text) > _LONGEST:
        raise _unreadable()
    found: list[MediaRange] = []
    pos = 0
    while (pos := _next_element(text, pos)) < len(text):
        pos, parsed = _one(text, pos)
        found.append(parsed)
        if len(found) > _MOST_RANGES or (pos < len(text) and text[pos] != ","):
            raise _unreadable()
    found = found or [MediaRange("*/*")]
    refused = [each for each in found if not each.quality and not each.transfer_syntax]
    kept = [_without(each, refused) for each in found if each.quality]
    # Stable: the client's order decides.
    return tuple(sorted(kept, key=lambda each: -each.quality))


def _without(range_: MediaRange, refused: Sequence[MediaRange]) -> MediaRange:
    narrower = tuple(each for each in refused if each.breadth < range_.breadth)
    return replace(range_, refused=narrower) if narrower else range_


def _next_element(text: str, pos: int) -> int:
    """Elements of a list may be empty (RFC 9110 5.6.1.2)."""
    return len(text) - len(text[pos:].lstrip(" \t,"))


def _one(text: str, pos: int) -> tuple[int, MediaRange]:
    start = _range(text, pos)
    if start is None:
        raise _unreadable()
    parameters: dict[str, str] = {}
    pos = start.end()
    while (parameter := _parameter(text, pos)) is not None:
        quoted, plain = parameter[2], parameter[3]
        parameters[parameter[1].lower()] = plain if quoted is None else _unquoted(r"\1", quoted)
        pos = parameter.end()
    quality = _quality(parameters.pop("q", "1"))
    return pos, MediaRange(f"{start[1]}/{start[2]}".lower(), quality, parameters)


def _quality(text: str) -> float:
    if not re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", text):
        raise _unreadable()
    return float(text)


def _unreadable() -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "Accept cannot be read: see RFC 9110 12.5.1")


def not_acceptable(offered: Sequence[str]) -> Problem:
    """406, with what there is instead."""
    return Problem(
        HTTPStatus.NOT_ACCEPTABLE,
        f"nothing that is accepted can be answered; there is {', '.join(offered)}",
        offered=list(offered),
    )
