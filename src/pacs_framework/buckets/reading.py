"""Reading objects: small ones whole and checked, of large ones what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from pacs_framework.buckets.digests import matches
from pacs_framework.buckets.naming import is_sealed
from pacs_framework.buckets.objects import Objects, Opened
from pacs_framework.buckets.sealing import HEADER, Keys, stored_range, unsealed
from pacs_framework.buckets.sources import BlockSource, HeldSource, Resumed
from pacs_framework.errors import StorageError
from pacs_framework.storage import ByteSource

__all__ = ["Reader"]

_HELD = 4 << 20  # up to this size all of an object is here before a byte of it is given out
_NEAR = 64 << 10  # what begins so near to the start is read from there, without naming a range


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A range of an object of ``size`` bytes as it is stored; ``close`` is None once it is here."""

    size: int
    pieces: Iterator[bytes]
    close: Callable[[], None] | None

    def source(self, pieces: Iterator[bytes]) -> ByteSource:
        """What ``pieces``, which are made of these, are read from."""
        if self.close is None:
            return HeldSource(b"".join(pieces))
        return BlockSource(pieces, self.close)


class Reader:
    """Reads from ``objects``, and opens with ``keys`` what is sealed."""

    def __init__(self, objects: Objects, keys: Keys) -> None:
        self._objects = objects
        self._keys = keys

    def open(self, key: str, offset: int, end: int | None) -> ByteSource:
        """The bytes from ``offset`` to before ``end``. Raises `ObjectNotFound`, `StorageError`."""
        if is_sealed(key):
            return self._open_sealed(key, offset, end)
        found = self._stored(key, offset, end)
        return found.source(found.pieces)

    def _open_sealed(self, key: str, offset: int, end: int | None) -> ByteSource:
        start, stop = stored_range(offset, end)
        if start == HEADER:
            found = self._stored(key, 0, stop)
            header, rest = _split(found.pieces, HEADER)
        else:
            header = b"".join(self._range(key, 0, HEADER).pieces)
            found = self._stored(key, start, stop)
            rest = found.pieces
        cipher = self._keys.cipher(header, key)
        return found.source(unsealed(cipher, rest, size=found.size, offset=offset, end=end))

    def _stored(self, key: str, start: int, end: int | None) -> _Stored:
        if start > _NEAR:
            return self._range(key, start, end)
        opened = self._objects.get(key)
        if opened.size <= _HELD:
            piece = self._whole(key, opened)[start:end]
            return _Stored(size=opened.size, pieces=iter([piece]), close=None)
        if end is not None and end < opened.size:
            opened.blocks.close()
            return self._range(key, start, end)
        found = self._resumable(key, opened, 0, opened.size)
        _, pieces = _split(found.pieces, start)
        return replace(found, pieces=pieces)

    def _range(self, key: str, start: int, end: int | None) -> _Stored:
        opened = self._objects.get_range(key, start, end)
        stop = opened.size if end is None else min(end, opened.size)
        return self._resumable(key, opened, start, stop)

    def _whole(self, key: str, opened: Opened) -> bytes:
        """All of a small object. Raises `StorageError` where it is not what was put there."""
        data = b"".join(self._resumable(key, opened, 0, opened.size).pieces)
        if opened.digests is not None and not matches(opened.digests, [data]):
            raise StorageError("cannot read an object: it was damaged in the store")
        return data

    def _resumable(self, key: str, opened: Opened, start: int, end: int) -> _Stored:
        blocks = Resumed(
            opened.blocks, start, end, lambda place: self._objects.get_range(key, place, end).blocks
        )
        return _Stored(size=opened.size, pieces=blocks, close=blocks.close)


def _split(blocks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """The first ``size`` bytes, and the others."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= size:
            break
    return head[:size], chain([head[size:]], blocks)
