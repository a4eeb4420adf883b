"""Answers of several parts (PS3.18 8.6.1.2, RFC 2387)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["Multipart", "Part"]

Chunk = bytes | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: its media type with parameters, its further headers, its body in pieces."""

    media_type: str
    pieces: Iterable[Chunk] = field(repr=False)
    headers: Sequence[tuple[str, str]] = ()


class Multipart:
    """A body of ``multipart/related`` whose parts are made when they are due.

    The boundary is drawn by lot for each answer: 128 bits that no part holds.
    """

    def __init__(self, parts: Iterable[Part], part_type: str) -> None:
        self._parts = parts
        self._boundary = secrets.token_hex(16)
        self.media_type = f'multipart/related; type="{part_type}"; boundary={self._boundary}'

    def __iter__(self) -> Iterator[Chunk]:
        start = f"--{self._boundary}\r\n"
        for part in self._parts:
            lines = [("Content-Type", part.media_type), *part.headers]
            head = "".join(f"{name}: {value}\r\n" for name, value in lines)
            yield f"{start}{head}\r\n".encode()
            yield from part.pieces
            start = f"\r\n--{self._boundary}\r\n"
        yield f"\r\n--{self._boundary}--\r\n".encode()
