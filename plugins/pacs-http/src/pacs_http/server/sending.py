"""An answer, as the thread of its handler sends it, whichever way it goes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pacs_http.response import Chunk, Response
from pacs_http.server.pieces import SMALL, grouped, joined, prepended

__all__ = ["Head", "Headers", "Sending"]

_LENGTH = b"content-length"

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Head:
    """What goes in front of a body."""

    status: int
    headers: Headers


class Sending(ABC):
    """Sends one answer: whole where it is short or there already, else piece by piece.

    After something was sent (``started``), an exception means that the answer is cut (`abort`).
    """

    def __init__(self) -> None:
        self.started = False
        self.bytes_sent = 0
        self.status = 0

    def send(self, response: Response, headers: Headers, *, bodiless: bool) -> None:
        """Send all of it. Raises `ClientGone`, and whatever its body does."""
        body = response.body
        if isinstance(body, bytes | bytearray | memoryview):
            self._put_whole(Head(response.status, headers), b"" if bodiless else body)
            return
        try:
            if bodiless:
                self._put_whole(Head(response.status, headers), b"")
            else:
                self._send_pieces(response, headers, body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _send_pieces(self, response: Response, headers: Headers, body: Iterable[Chunk]) -> None:
        """What it raises before the first chunk is raised before anything was sent."""
        groups = grouped(body)
        first = next(groups, [])
        size = sum(map(len, first))
        if response.length is None and size < SMALL:  # `grouped` has found the end
            length = [] if _names_length(headers) else [(_LENGTH, b"%d" % size)]
            self._put_whole(Head(response.status, [*headers, *length]), b"".join(first))
            return
        head, everything = Head(response.status, headers), prepended(first, groups)
        if response.length is not None:
            self._put_measured(head, _checked(map(joined, everything), response.length))
        elif _names_length(headers):
            self._put_measured(head, map(joined, everything))
        else:
            self._put_chunks(head, everything)

    @abstractmethod
    def abort(self) -> None:
        """Cut the connection, unless the answer was whole before."""

    @abstractmethod
    def _put_whole(self, head: Head, body: Chunk) -> None:
        """An answer that is there already."""

    @abstractmethod
    def _put_measured(self, head: Head, pieces: Iterable[Chunk]) -> None:
        """An answer whose head tells how long it is."""

    @abstractmethod
    def _put_chunks(self, head: Head, groups: Iterable[list[Chunk]]) -> None:
        """An answer of which nobody knows how long it is (RFC 9112 7.1)."""


def _checked(pieces: Iterable[Chunk], left: int) -> Iterator[Chunk]:
    """The pieces. Raises ValueError where they are not of the length that the head has told."""
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise ValueError("a body is longer than its response has said")
        yield piece
    if left:
        raise ValueError(f"a body is {left} bytes shorter than its response has said")


def _names_length(headers: Headers) -> bool:
    return any(name == _LENGTH for name, _ in headers)
