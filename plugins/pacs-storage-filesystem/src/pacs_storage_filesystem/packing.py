"""The backend as it is offered: small objects in packs, the others as files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.storage import (
    ByteSource,
    NewObject,
    ObjectName,
    ObjectRange,
    ObjectStat,
    ObjectWriter,
    StorageBackend,
    Unsettled,
)
from pacs_storage_filesystem.backend import FilesystemBackend
from pacs_storage_filesystem.packs import Packs
from pacs_storage_filesystem.record import LONGEST_VERSION, PackKey

if TYPE_CHECKING:
    from pacs_storage_filesystem.naming import Naming

__all__ = ["PackingBackend", "open_backend"]


def open_backend(root: Path, *, naming: Naming, reserve: int, pack_below: int) -> PackingBackend:
    """The backend with everything below ``root``; leaves ``reserve`` bytes free."""
    files = FilesystemBackend(root, naming=naming, reserve=reserve)
    return PackingBackend(
        files, Packs(root, files.require, largest=pack_below), pack_below=pack_below
    )


class PackingBackend(StorageBackend):
    """New objects of less than ``pack_below`` bytes go to ``packs``; a key tells where one is."""

    def __init__(self, files: FilesystemBackend, packs: Packs, *, pack_below: int) -> None:
        self._files = files
        self._packs = packs
        self._pack_below = pack_below

    def key_for(self, name: ObjectName) -> str:
        """A place in a pack, where the size is known and small; else the path of a file."""
        size, version = name.size, name.version
        if size is not None and size < self._pack_below and len(version) <= LONGEST_VERSION:
            return self._packs.key_for(size, version)
        return self._files.key_for(name)

    def version_of(self, key: str) -> str:
        """Keys of both kinds end in it."""
        return self._files.version_of(key)

    def begin(self, key: str, *, size: int | None = None, note: bytes = b"") -> ObjectWriter:
        """A record or a temporary file."""
        packed = PackKey.parse(key)
        if packed is not None:
            return self._packs.begin(packed, size, note)
        return self._files.begin(key, size=size)

    def put_file(self, key: str, path: Path) -> None:
        """Copied into a pack, or renamed."""
        if PackKey.parse(key) is not None:
            super().put_file(key, path)
        else:
            self._files.put_file(key, path)

    def gathers(self, size: int) -> bool:
        """Those in packs lie one behind the other."""
        return size < self._pack_below

    def put_together(self, objects: Sequence[NewObject]) -> None:
        """Those in packs by few writes; files one by one."""
        packed = []
        for each in objects:
            key = PackKey.parse(each.key)
            if key is not None:
                packed.append((key, each))
            else:
                self._files.put_together([each])
        self._packs.put_together(packed)

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """A range in memory, or an open file."""
        packed = PackKey.parse(key)
        if packed is not None:
            return self._packs.open(packed, offset, length)
        return self._files.open(key, offset=offset, length=length)

    def expect(self, ranges: Iterable[ObjectRange]) -> None:
        """What lies in packs is fetched; the ranges of files are when they are opened."""
        parsed = [(PackKey.parse(key), offset, length) for key, offset, length in ranges]
        self._packs.expect([(key, at, length) for key, at, length in parsed if key is not None])

    def read_each(self, ranges: Iterable[ObjectRange]) -> Iterator[bytes | None]:
        """Without opening anything for those in packs."""
        for each in ranges:
            key, offset, length = each
            packed = PackKey.parse(key)
            if packed is not None:
                yield self._packs.read(packed, offset, length)
            else:
                yield from self._files.read_each((each,))

    def stat(self, key: str) -> ObjectStat:
        """From the record, whose checksum must be right, or from the file."""
        packed = PackKey.parse(key)
        return self._packs.stat(packed) if packed is not None else self._files.stat(key)

    def delete(self, key: str) -> None:
        """Durable on return."""
        packed = PackKey.parse(key)
        if packed is not None:
            self._packs.delete(packed)
        else:
            self._files.delete(key)

    def list(self) -> Iterator[ObjectStat]:
        """Packed objects first."""
        yield from self._packs.list()
        yield from self._files.list()

    def free_space(self) -> int:
        """What the file system has for us, less the reserve."""
        return self._files.free_space()

    def recover(self) -> int:
        """Remove the temporary files of processes that are gone."""
        return self._files.recover()

    def remembers(self, key: str) -> bool:
        """Packs are read again after a crash; files are not."""
        return PackKey.parse(key) is not None

    def settled(self, key: str) -> None:
        """Tell the pack."""
        packed = PackKey.parse(key)
        if packed is not None:
            self._packs.settled(packed)

    def settle(self, sync: Callable[[], None]) -> None:
        """Tell the packs."""
        self._packs.settle(sync)

    def hand_over(self, take: Callable[[Iterator[Unsettled]], None]) -> None:
        """What dead processes left in packs."""
        self._packs.hand_over(take)

    def under_way(self) -> set[str]:
        """What living processes have in packs and not settled."""
        return self._packs.under_way()

    def close(self) -> None:
        """Close both."""
        self._packs.close()
        self._files.close()
