"""The parts of a multipart body while they arrive (RFC 2046 5.1, RFC 2387).

A part is given out piece by piece, so one of any size needs no more memory than two pieces. Nothing
is guessed: what is no multipart is refused, and a body that ends before its closing delimiter says
so behind the last piece of the part that was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Protocol

from pacs_dicomweb.stow.searching import find
from pacs_http.api import Problem

__all__ = ["IncomingPart", "MultipartReader", "checked_boundary"]

_CHUNK = 1 << 20
_LONGEST_BOUNDARY = 200  # characters; RFC 2046 5.1.1 allows 70, and Orthanc sends 73
_LONGEST_PREAMBLE = 1 << 16
_LONGEST_HEAD = 1 << 14
_LONGEST_PADDING = 256  # white space that a gateway may have put behind a boundary
_LONGEST_EPILOGUE = 1 << 20
_NAME_CHARACTERS = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class Readable(Protocol):
    """What a body is read from (see `pacs_http.api.Body`)."""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, at least one; nothing at the end."""


def checked_boundary(text: str) -> bytes:
    """A boundary as it stands in the body. Raises `Problem` 400 for none, or what is none."""
    allowed = text.isascii() and text.isprintable() and not text.endswith(" ")
    if not text or len(text) > _LONGEST_BOUNDARY or not allowed:
        raise _bad("Content-Type names no boundary of 1 to 200 characters")
    return text.encode()


class IncomingPart:
    """One part: its headers in lower case, its body in `pieces`, which are there once."""

    def __init__(self, headers: Mapping[str, str], pieces: Iterator[bytes | memoryview]) -> None:
        self.headers = headers
        self.pieces = pieces

    @property
    def media_type(self) -> str:
        """Content-Type with its parameters, as it came."""
        return self.headers.get("content-type", "")


class MultipartReader:
    """Iterates over the parts of ``body``; what is left of one is passed over before the next.

    Raises `Problem` 400 for what is no multipart, also from the pieces of a part; what the body
    raises passes.
    """

    def __init__(self, body: Readable, boundary: bytes) -> None:
        self._body = body
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter needs no line break in front of it where it begins the body.
        self._held = b"\r\n"
        self._at = 0  # what stands before it has been given out
        self._last = False

    def __iter__(self) -> Iterator[IncomingPart]:
        self._pass_preamble()
        while not self._last:
            headers = self._head()
            pieces = self._until_delimiter()
            yield IncomingPart(headers, pieces)
            for _ in pieces:
                pass
        self._pass_epilogue()

    def _pass_preamble(self) -> None:
        passed = 0
        for piece in self._until_delimiter():
            passed += len(piece)
            if passed > _LONGEST_PREAMBLE:
                raise _bad("no part begins with the boundary that Content-Type names")

    def _pass_epilogue(self) -> None:
        """What follows the last part means nothing, and keeps the connection usable when read."""
        passed = 0
        while passed < _LONGEST_EPILOGUE and (piece := self._body.read(_CHUNK)):
            passed += len(piece)

    def _until_delimiter(self) -> Iterator[bytes | memoryview]:
        """What stands in front of the next delimiter, which is taken in."""
        delimiter = self._delimiter
        while True:
            found = find(self._held, delimiter, self._at)
            if found < 0:
                safe = self._before_a_beginning()
                if safe > self._at:
                    piece, self._at = memoryview(self._held)[self._at : safe], safe
                    yield piece
                self._more()
                continue
            piece, self._at = memoryview(self._held)[self._at : found], found + len(delimiter)
            if piece:
                yield piece
            if self._ends_line():
                return
            yield delimiter  # only the start of a longer line

    def _before_a_beginning(self) -> int:
        """Where the last bytes may be the beginning of a delimiter, else the end of all.

        They seldom are, and with nothing held back, the next piece needs not be copied behind it.
        """
        first = max(self._at, len(self._held) - len(self._delimiter) + 1)
        beginning = self._held.find(b"\r", first)
        return beginning if beginning >= 0 else len(self._held)

    def _ends_line(self) -> bool:
        """Whether what stood last is a delimiter: nothing but white space is left of its line."""
        while len(self._held) - self._at < 2:
            self._more()
        if self._held.startswith(b"--", self._at):
            self._last = True
            self._at += 2
            return True
        while (end := self._held.find(b"\r\n", self._at, self._at + _LONGEST_PADDING)) < 0:
            if len(self._held) - self._at >= _LONGEST_PADDING:
                return False
            self._more()
        if self._held[self._at : end].strip(b" \t"):
            return False
        self._at = end  # the line break stays, so that a head may be empty
        return True

    def _head(self) -> dict[str, str]:
        """The headers of a part, which an empty line ends."""
        while (end := self._held.find(b"\r\n\r\n", self._at)) < 0:
            if len(self._held) - self._at > _LONGEST_HEAD:
                break
            self._more()
        if not 0 <= end <= self._at + _LONGEST_HEAD:
            raise _bad(f"the headers of a part are longer than {_LONGEST_HEAD} bytes")
        lines, self._at = self._held[self._at + 2 : end], end + 4
        return dict(_header(line) for line in lines.split(b"\r\n") if line)

    def _more(self) -> None:
        piece = self._body.read(_CHUNK)
        if not piece:
            raise _bad("the body ends before its last boundary: it is not whole")
        self._held, self._at = self._held[self._at :] + piece, 0


def _header(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    name = name.lower()
    if not colon or not name or not _NAME_CHARACTERS.issuperset(name):
        raise _bad("a part has a line among its headers that is none")
    text = value.strip(b" \t").decode("utf-8", "replace")
    if not text.isprintable():
        raise _bad("a part has a header with control characters")
    return name.decode(), text


def _bad(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, detail)
