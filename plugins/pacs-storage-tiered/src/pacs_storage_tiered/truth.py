"""What an object has to be: its size and digests, by the index, and whether a copy is that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pacs_framework.errors import ObjectNotFound, StorageError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_storage_tiered.naming import Key
    from pacs_storage_tiered.places import Place

__all__ = ["Digests", "Truth", "copy", "digests_of", "truth_of"]

_BLOCK = 1 << 20

Truth: TypeAlias = "Callable[[Key], Digests | None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """SHA-256 of the first ``offset`` bytes and of the others, of ``size`` bytes in all."""

    size: int
    offset: int
    first: bytes
    rest: bytes


def truth_of(archive: Archive) -> Truth:
    """By the index; None for an object that it does not name."""

    def by_index(key: Key) -> Digests | None:
        facts = archive.lookup.instance(key.instance)
        if facts is None or facts.storage_key != str(key):
            return None
        return Digests(
            size=facts.size,
            offset=facts.dataset_offset,
            first=facts.prefix_digest,
            rest=facts.dataset_digest,
        )

    return by_index


def digests_of(place: Place, key: Key, offset: int) -> Digests | None:
    """What is in a place, read to the end; None where it is not. Raises `StorageError`."""
    try:
        reading = Reading(offset)
        for block in _blocks(place, key):
            reading.update(block)
    except ObjectNotFound:
        return None
    return reading.digests()


def _blocks(place: Place, key: Key) -> Iterator[bytes]:
    """The bytes of a copy. Raises `ObjectNotFound` and `StorageError`."""
    with place.open(str(key)) as source:
        while block := _read(place, source.read):
            yield block


def _read(place: Place, read: Callable[[int], bytes]) -> bytes:
    with place.reading():
        return read(_BLOCK)


class Reading:
    """Takes bytes in and tells their `Digests`."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._size = 0
        self._first = hashlib.sha256()
        self._rest = hashlib.sha256()

    def update(self, block: bytes) -> None:
        """The next bytes."""
        left = max(0, self._offset - self._size)
        view = memoryview(block)
        self._first.update(view[:left])
        self._rest.update(view[left:])
        self._size += len(block)

    def digests(self) -> Digests:
        """Of what came so far."""
        return Digests(
            size=self._size,
            offset=self._offset,
            first=self._first.digest(),
            rest=self._rest.digest(),
        )


def copy(source: Place, target: Place, key: Key, wanted: Digests) -> None:
    """Put a copy into ``target`` and read it back. Raises `StorageError` where it is not right.

    Nothing is committed of a source that is not ``wanted``.
    """
    reading = Reading(wanted.offset)
    with target.writing():
        writer = target.backend.begin(target.key_of(key), size=wanted.size)
    with writer:
        for block in _blocks(source, key):
            reading.update(block)
            with target.writing():
                writer.write(block)
        if reading.digests() != wanted:
            raise StorageError(f"the copy in place {source.name!r} is damaged")
        with target.writing():
            writer.commit()
    if digests_of(target, key, wanted.offset) != wanted:
        target.delete(key)
        raise StorageError(f"place {target.name!r} gives back other bytes than it got")
