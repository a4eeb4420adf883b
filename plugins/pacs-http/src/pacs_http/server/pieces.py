"""The chunks of a body, put together and cut to what is sent at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pacs_http.response import Chunk

__all__ = ["PIECE", "SMALL", "cut", "grouped", "joined", "prepended"]

SMALL = 1 << 16
"""Bytes; chunks of fewer wait for what follows."""

PIECE = 1 << 18
"""Bytes that a client is given its time for."""


def grouped(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """The chunks, small ones together with what follows. A group is empty when the next is asked
    for: a chunk may be a view of what is used again then.
    """
    group: list[Chunk] = []
    size = 0
    for chunk in chunks:
        if not len(chunk):
            continue
        group.append(chunk)
        size += len(chunk)
        del chunk
        if size >= SMALL:
            yield group
            group.clear()
            size = 0
    if group:
        yield group


def joined(group: list[Chunk]) -> Chunk:
    """A group as one chunk."""
    return group[0] if len(group) == 1 else b"".join(group)


def prepended(first: list[Chunk], rest: Iterator[list[Chunk]]) -> Iterator[list[Chunk]]:
    """All groups, after the first was looked at."""
    if first:
        yield first
    yield from rest


def cut(chunk: Chunk) -> Iterator[Chunk]:
    """A chunk in parts that even a slow client takes within its time."""
    if len(chunk) <= PIECE:
        yield chunk
        return
    view = memoryview(chunk)
    for start in range(0, len(view), PIECE):
        yield view[start : start + PIECE]
