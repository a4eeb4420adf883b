"""An answer, written by the thread of its handler to a line that it has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus

from pacs_http.response import Chunk
from pacs_http.server.line import Line
from pacs_http.server.sending import Head, Headers, Sending

__all__ = ["Straight"]

_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
_END = b"\r\n"

_is_no_name = re.compile(rb"[\x00-\x20\x7f-\xff()<>@,;:\\\"/\[\]?={}]").search
_is_no_value = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


class Straight(Sending):
    """One answer of HTTP/1.1 on ``line``. ``ends`` tells whether it is the connection's last."""

    def __init__(self, line: Line, ends: Callable[[], bool]) -> None:
        super().__init__()
        self._line = line
        self._ends = ends
        self._is_whole = False
        self._is_last = False

    @property
    def goes_on(self) -> bool:
        """Whether another request may follow."""
        return self._is_whole and not self._is_last

    def abort(self) -> None:
        """Nothing of it is written any more: what is not whole is cut."""

    def _put_whole(self, head: Head, body: Chunk) -> None:
        begin = self._begin(head)
        if head.status in _BODILESS or not len(body):
            self._line.write([begin])
        else:
            self._line.write([begin, body])
            self.bytes_sent = len(body)
        self._is_whole = True

    def _put_measured(self, head: Head, pieces: Iterable[Chunk]) -> None:
        self._line.write([self._begin(head)])
        for piece in pieces:
            self._line.write([piece])
            self.bytes_sent += len(piece)
        self._is_whole = True

    def _put_chunks(self, head: Head, groups: Iterable[list[Chunk]]) -> None:
        self._line.write([self._begin(head, b"transfer-encoding: chunked\r\n")])
        for group in groups:
            self.bytes_sent += self._line.send(group)
        self._line.write([b"0\r\n\r\n"])
        self._is_whole = True

    def _begin(self, head: Head, more: bytes = b"") -> bytes:
        """The head as it is written. Raises ValueError for a header that would be another."""
        lines = [_status_line(head.status), *(_header(*each) for each in head.headers), more]
        self._is_last = _names_close(head.headers)
        if self._ends() and not self._is_last:
            self._is_last = True
            lines.append(b"connection: close\r\n")
        self.started = True
        self.status = head.status
        return b"".join([*lines, _END])


def _header(name: bytes, value: bytes) -> bytes:
    if _is_no_name(name) or _is_no_value(value):
        raise ValueError(f"a header {name!r} cannot be sent: there are control characters in it")
    return b"%s: %s\r\n" % (name, value)


def _names_close(headers: Headers) -> bool:
    return any(
        name == b"connection" and b"close" in {each.strip().lower() for each in value.split(b",")}
        for name, value in headers
    )


@lru_cache(maxsize=128)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase.encode()
    except ValueError:
        phrase = b""
    return b"HTTP/1.1 %d %s\r\n" % (status, phrase)
