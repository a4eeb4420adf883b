"""A pack that this process writes to, until it is full and the index knows all of it."""

from __future__ import annotations

import mmap
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from pacs_storage_filesystem.folders import Folder
from pacs_storage_filesystem.record import is_hollow
from pacs_storage_filesystem.synced_write import SyncedFile

__all__ = ["ActivePack", "pack_path", "read_marker"]

_FULL = 256 << 20
_CHUNK = 1 << 20
# Zeros ahead pay for slots up to this size: for larger ones, writing twice costs more than the
# commit of the journal that it saves (0.5 MB on ext4: 0.7 ms against 0.5 ms).
_LARGEST_PREPARED = 1 << 16
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MARKER_DIGITS = 16
_ZEROS = mmap.mmap(-1, _CHUNK)  # page-aligned, as direct writes need it


def pack_path(folder: Path, name: str) -> Path:
    """The file of a pack."""
    return folder / f"{name}.pack"


def read_marker(path: Path) -> int:
    """Up to where the index is known to hold everything; 0 when that was never put down whole."""
    text = path.read_bytes()[:_MARKER_DIGITS]
    try:
        return int(text, 16) if len(text) == _MARKER_DIGITS else 0
    except ValueError:  # what a power cut left of it
        return 0


class ActivePack:
    """A pack in ``folder``, and its marker in ``markers``.

    The marker is there as long as some record may be missing in the index after a crash; it holds
    the offset before which none is. `reserve`, `done` and `settled_end` are called under the lock
    of `pacs_storage_filesystem.packs.Packs`.
    """

    def __init__(self, folder: Path, markers: Path, require: Callable[[int], None]) -> None:
        self.name = secrets.token_hex(8)
        self.path = pack_path(folder, self.name)
        self.in_flight: dict[int, None] = {}
        self._require = require
        self._marker_path = markers / self.name
        self._end = 0
        self._is_empty = True
        self._prepared = 0
        self._marked = 0
        require(_CHUNK)
        with ExitStack() as undo:
            self._marker = os.open(self._marker_path, _CREATE, 0o640)
            undo.callback(self._marker_path.unlink)
            undo.callback(os.close, self._marker)
            self.handle = os.open(self.path, _CREATE, 0o640)
            undo.callback(self.path.unlink)
            undo.callback(os.close, self.handle)
            self.file = SyncedFile(self.path, self.handle)
            undo.callback(self.file.close)
            Folder(markers).sync()
            Folder(folder).sync()
            undo.pop_all()

    @property
    def is_usable(self) -> bool:
        """Whether it takes more objects."""
        return self._end < _FULL and not self.file.broken

    def reserve(self, slot: int) -> int:
        """The offset of a slot that is nobody else's. Raises OSError and `OutOfResources`."""
        if slot > _LARGEST_PREPARED:
            self._require(slot)
        elif self._end + slot > self._prepared:
            self._prepare()
        offset, self._end = self._end, self._end + slot
        self.in_flight[offset] = None
        return offset

    def write(self, offset: int, records: Sequence[memoryview]) -> None:
        """Write whole slots, one behind the other; durable on return. Raises OSError."""
        self._is_empty = False
        self.file.write(records, offset)

    def done(self, offset: int) -> None:
        """The index knows the record, though perhaps not durably, or nobody needs it any more."""
        self.in_flight.pop(offset, None)

    def settled_end(self) -> int:
        """Before this offset every record is done."""
        return next(iter(self.in_flight), self._end)

    def mark(self, offset: int) -> None:
        """Put down that the index durably holds everything before ``offset``.

        Not synced: an older offset after a power cut means more to look at, not less.
        """
        if offset != self._marked:
            os.pwrite(self._marker, f"{offset:016x}".encode(), 0)
            self._marked = offset

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left that the index might lose."""
        return self.is_over and not self.file.broken

    @property
    def is_over(self) -> bool:
        """Whether nobody works on a record any more, also where a write has failed."""
        return self._marked == self._end

    def seal(self) -> None:
        """No more is written, nothing is to be looked at: give back what was allocated ahead."""
        os.ftruncate(self.handle, self._end)
        os.fdatasync(self.handle)
        if self._is_empty or is_hollow(self.handle):
            self.path.unlink(missing_ok=True)
        self._marker_path.unlink(missing_ok=True)

    def give_up(self) -> None:
        """After a failure: leave it to the next start, but for what was allocated ahead."""
        with suppress(OSError):
            os.ftruncate(self.handle, self._end)

    def close(self) -> None:
        """Give the files back."""
        self.file.close()
        os.close(self.handle)
        os.close(self._marker)

    def _prepare(self) -> None:
        """Write zeros ahead: a sync of blocks that were written before changes no metadata."""
        self._require(_CHUNK)
        os.posix_fallocate(self.handle, self._end, _CHUNK)
        with suppress(OSError):  # the blocks are there; only the next syncs will be slower
            _write_zeros(self.path, self._end)
        self._prepared = self._end + _CHUNK


def _write_zeros(path: Path, offset: int) -> None:
    """Around the page cache, where nobody will look for them."""
    handle = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
    try:
        os.pwrite(handle, _ZEROS, offset)
    finally:
        os.close(handle)
