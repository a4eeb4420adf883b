"""Small objects, many in one file: a store costs one write, which is durable when it returns.

A file for each would cost an inode, an entry in a folder, and two commits of the file system's
journal, more than everything else that happens to a small instance. Packs also spare
the index its syncs: they list what came in lately, and after a crash `Packs.hand_over` gives every
record that the index may have lost.

Packs lie in ``_packs/``, a name that no key of a file has. A process has a folder of markers of its
own in ``_packs/unsettled/``, one for each pack that is not settled; the folder of a dead process
tells the next start where to look.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from pacs_framework.archive.buffers import Buffers
from pacs_framework.archive.claims import Claim, abandoned, living
from pacs_framework.errors import StorageError
from pacs_framework.storage import ByteSource, NewObject, ObjectStat, Unsettled
from pacs_storage_filesystem.active_pack import (
    ActivePack,
    pack_path,
    read_marker,
)
from pacs_storage_filesystem.failures import translated
from pacs_storage_filesystem.folders import Folder
from pacs_storage_filesystem.pack_reader import PackReader
from pacs_storage_filesystem.record import PackKey, Record, is_hollow, records, slot_size
from pacs_storage_filesystem.slots import Slot, commit_together

__all__ = ["Packs"]

_PACKS = "_packs"
_MARKERS = "unsettled"
_SPARE = 16  # buffers


class Packs:
    """The packs below ``root``, for new objects of up to ``largest`` bytes.

    ``require`` raises when so many bytes more would be too many.
    """

    def __init__(self, root: Path, require: Callable[[int], None], *, largest: int) -> None:
        self._root = root
        self._folder = root / _PACKS
        self._markers = self._folder / _MARKERS
        self._require = require
        self._buffers = Buffers(slot_size(largest), most=_SPARE)
        self._reader = PackReader(self._folder, self._markers)
        self._mutex = threading.Lock()
        self._mine: _Mine | None = None

    # --- storing ----------------------------------------------------------------------------

    def key_for(self, size: int, version: str) -> str:
        """A place for an object of ``size`` bytes; it is kept until the key is `settled`."""
        with self._mutex, translated("open a pack"):
            mine = self._of_this_process()
            offset = mine.pack.reserve(slot_size(size))
            key = str(PackKey(mine.pack.name, offset, size, version))
            mine.reserved[key] = mine.pack
        return key

    def begin(self, key: PackKey, size: int | None, note: bytes) -> Slot:
        """Raises `StorageError` for a key that this process did not give out for that size."""
        mine = self._mine
        pack = mine.reserved.get(str(key)) if mine is not None else None
        if pack is None or size not in (None, key.size):
            raise StorageError(f"{str(key)!r} is no place for {size} bytes")
        return Slot(pack, key, note, self._buffers)

    def put_together(self, objects: Iterable[tuple[PackKey, NewObject]]) -> None:
        """Commit objects; neighbours in a pack by one write. Raises as `begin` and `commit` do."""
        with ExitStack() as slots:
            filled = []
            for key, each in objects:
                slot = slots.enter_context(self.begin(key, len(each.data), each.note))
                slot.write(each.data)
                filled.append(slot)
            commit_together(filled)

    def settled(self, key: PackKey) -> None:
        """The index names the object, or it was deleted."""
        with self._mutex:
            pack = self._mine.reserved.pop(str(key), None) if self._mine is not None else None
            if pack is not None:
                pack.done(key.offset)

    def settle(self, sync: Callable[[], None]) -> None:
        """Have the index made durable by ``sync``, and put down how far it holds everything."""
        with self._mutex:
            mine = self._mine
            if mine is None or mine.pid != os.getpid():
                return
            ends = {pack: pack.settled_end() for pack in (mine.pack, *mine.full)}
        sync()
        with translated("put down what is settled"):
            for pack, end in ends.items():
                pack.mark(end)
            for pack in [pack for pack in ends if pack in mine.full and pack.is_over]:
                mine.end(pack)
                with self._mutex:
                    mine.full.remove(pack)
                pack.close()

    def close(self) -> None:
        """Seal what is settled; the rest is left to the next start."""
        mine, self._mine = self._mine, None
        if mine is not None and mine.pid == os.getpid():
            with translated("close a pack"):
                mine.close()
        self._reader.close()

    def _of_this_process(self) -> _Mine:
        """With a pack that has room. A forked process begins packs of its own."""
        mine = self._mine
        if mine is None or mine.pid != os.getpid():
            mine = self._mine = self._begin()
        elif not mine.pack.is_usable:
            fresh = ActivePack(self._folder, mine.claim.folder, self._require)
            mine.full.append(mine.pack)
            mine.pack = fresh
        return mine

    def _begin(self) -> _Mine:
        self._folder.mkdir(mode=0o750, exist_ok=True)
        claim = Claim(self._markers)
        try:
            for folder in (self._markers, self._folder, self._root):
                Folder(folder).sync()
            return _Mine(claim, ActivePack(self._folder, claim.folder, self._require))
        except BaseException:
            claim.close()
            raise

    # --- reading ----------------------------------------------------------------------------

    def open(self, key: PackKey, offset: int, length: int | None) -> ByteSource:
        """The range, read into memory: the object may be deleted while it is on its way."""
        return self._reader.open(key, offset, length)

    def expect(self, ranges: Iterable[tuple[PackKey, int, int]]) -> None:
        """Have ranges of objects, each of an offset and a length, fetched as far as they exist."""
        self._reader.expect(ranges)

    def read(self, key: PackKey, offset: int, length: int) -> bytes | None:
        """The range; None where there is no such object."""
        return self._reader.read(key, offset, length)

    def stat(self, key: PackKey) -> ObjectStat:
        """Raises `ObjectNotFound` also for a record that is damaged."""
        return self._reader.stat(key)

    def delete(self, key: PackKey) -> None:
        """Give the blocks back, durably; a pack without records is removed."""
        self._reader.delete(key)

    def list(self) -> Iterator[ObjectStat]:
        """Every whole record of every pack."""
        for path in sorted(self._folder.glob("*.pack")):
            for found in _records_of(path):
                yield found.stat

    # --- after a crash ----------------------------------------------------------------------

    def hand_over(self, take: Callable[[Iterator[Unsettled]], None]) -> None:
        """See `StorageBackend.hand_over`."""
        for folder in abandoned(self._markers):
            for marker in sorted(folder.iterdir()):
                self._hand_over(marker, take)

    def _hand_over(self, marker: Path, take: Callable[[Iterator[Unsettled]], None]) -> None:
        path = pack_path(self._folder, marker.name)
        start = read_marker(marker)
        take(Unsettled(found.key, found.note) for found in _records_of(path, start))
        with translated("close a pack"):
            _remove_if_hollow(path)
            marker.unlink()

    def under_way(self) -> set[str]:
        """Keys that living processes may not have settled yet."""
        return {
            found.key
            for folder in living(self._markers)
            for marker in _listed(folder)
            for found in _records_of(pack_path(self._folder, marker.name), _marked(marker))
        }


class _Mine:
    """What this process writes to."""

    def __init__(self, claim: Claim, pack: ActivePack) -> None:
        self.pid = os.getpid()
        self.claim = claim
        self.pack = pack
        self.full: list[ActivePack] = []
        self.reserved: dict[str, ActivePack] = {}
        self.has_left = False  # packs for the next start to look at

    def close(self) -> None:
        for pack in (*self.full, self.pack):
            self.end(pack)
            pack.close()
        self.claim.close(keep=self.has_left)

    def end(self, pack: ActivePack) -> None:
        """Seal what is settled, leave the rest to the next start."""
        if pack.is_settled:
            pack.seal()
            return
        self.has_left = True
        if pack.is_over:
            pack.give_up()


def _records_of(path: Path, start: int = 0) -> Iterator[Record]:
    """The records of a pack that may be gone by now. Raises `StorageError`."""
    with translated("read a pack"), suppress(FileNotFoundError), path.open("rb") as file:
        yield from records(file.fileno(), path.stem, start)


def _remove_if_hollow(path: Path) -> None:
    """Remove a pack that holds nothing.

    Nothing is cut off behind the last whole record: a damaged one is evidence, and an instance.
    """
    with suppress(FileNotFoundError):
        with path.open("rb") as file:
            hollow = is_hollow(file.fileno())
        if hollow:
            path.unlink()


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _marked(marker: Path) -> int:
    try:
        return read_marker(marker)
    except FileNotFoundError:  # settled and sealed since it was listed
        return 1 << 62
