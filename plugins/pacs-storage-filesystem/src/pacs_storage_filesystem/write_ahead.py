"""A log in front of the files: one synced append instead of the syncs of a new file and its folder.

A new file costs the file system a commit of its own journal, an append to blocks that are there
already does not (1.4 ms and 0.12 ms, measured). So a small object is appended to a log and synced
there; then its file is written without a sync. The object is durable from then on: after a power
cut, `replay` gives what the file has to hold. The two segments of the log are used in turn; one is
used again only after every file in it has been synced.

Records begin at multiples of `_ALIGN`, so that writing one never touches the blocks of another::

    magic 4 · crc32 4 · generation 8 · length of key 4 · length of data 8 | key | data | padding

A record without data (length `_REMOVED`) takes an earlier one of the same key back.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct

__all__ = ["LogBroken", "LogFull", "Segment", "WriteAheadLog", "replay"]

_HEADER = Struct("<4sIQIQ")
_MAGIC = b"PWAL"
_ALIGN = 4096
_REMOVED = (1 << 64) - 1
_LONGEST_KEY = 4096
_ZEROS = bytes(1 << 20)

Bytes = bytes | bytearray | memoryview
Checkpoint = Callable[[list[str]], None]


class LogFull(Exception):
    """The segment has no room for this record."""


class LogBroken(OSError):
    """A sync has failed: what the system still has of the log is unknown (fsyncgate)."""


def _encoded(generation: int, key: str, data: Bytes | None) -> list[Bytes]:
    """A record with its padding."""
    name = key.encode("ascii")
    body: Bytes = b"" if data is None else data
    length = _REMOVED if data is None else len(body)
    fields = _HEADER.pack(b"", 0, generation, len(name), length)[8:]
    crc = zlib.crc32(body, zlib.crc32(name, zlib.crc32(fields)))
    size = _HEADER.size + len(name) + len(body)
    return [_MAGIC, crc.to_bytes(4, "little"), fields, name, body, bytes(-size % _ALIGN)]


def _padded(key: str, data: Bytes | None) -> int:
    size = _HEADER.size + len(key) + (0 if data is None else len(data))
    return size + -size % _ALIGN


class Segment:
    """One file of the log, of fixed size, whose blocks are all written before it is used."""

    def __init__(self, path: Path, size: int) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._size = size
        self.end = 0
        self.keys: dict[str, None] = {}
        try:
            for start in range(0, size, len(_ZEROS)):
                os.pwrite(self._handle, _ZEROS[: size - start], start)
            os.fsync(self._handle)
        except BaseException:
            self.close()
            raise

    def append(self, generation: int, key: str, data: Bytes | None) -> None:
        """Write a record behind the last one, not yet synced. Raises `LogFull`."""
        size = _padded(key, data)
        if self.end + size > self._size:
            raise LogFull
        written = os.pwritev(self._handle, _encoded(generation, key, data), self.end)
        if written != size:
            raise OSError("short write")
        self.end += size

    def sync(self) -> None:
        """Make every record durable."""
        os.fdatasync(self._handle)

    def clear(self) -> None:
        """Forget every record, durably: all files in it are synced."""
        os.pwrite(self._handle, _ZEROS[:_ALIGN], 0)
        os.fdatasync(self._handle)
        self.end = 0
        self.keys.clear()

    def close(self) -> None:
        """Give the file back."""
        os.close(self._handle)


class WriteAheadLog:
    """The log of one process: two segments in turn, a sync shared by all threads that wait for one.

    ``checkpoint`` makes the files of the given keys durable; it is called in a thread of the log's
    own. When the other segment is still being checkpointed, `append` waits for it.
    """

    def __init__(self, folder: Path, size: int, checkpoint: Checkpoint) -> None:
        self._folder = folder
        self._size = size // 2
        self._checkpoint = checkpoint
        # One lock, two reasons to wait: a sync in progress, and work for the checkpoint. A store
        # that no other one waits for then wakes nobody.
        lock = threading.Lock()
        self._changed = threading.Condition(lock)
        self._work = threading.Condition(lock)
        self._active = Segment(folder / "0", self._size)
        self._other: Segment | None = None
        self._due = False
        self._generation = 1
        self._written = 0
        self._synced = 0
        self._syncing = False
        self._moving = 0
        self._broken: OSError | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="write-ahead", daemon=True)
        self._thread.start()

    @property
    def largest(self) -> int:
        """Bytes of the largest object that the log takes."""
        return self._size // 8

    def append(self, key: str, data: Bytes | None) -> None:
        """Make ``data`` durable under ``key`` (None: take it back); call `placed` afterwards.

        Raises OSError; nothing is kept then, or `placed` was never called for it.
        """
        with self._changed:
            self._write(key, data)
            self._written += 1
            mine = self._written
            self._moving += data is not None
        try:
            self._sync_to(mine)
        except OSError:
            if data is not None:
                self.placed()
            raise

    def placed(self) -> None:
        """The file of the last `append` of this thread has its name, or never will have."""
        with self._changed:
            self._moving -= 1
            if self._due:
                self._work.notify()

    def holds(self, key: str) -> bool:
        """Whether a record of ``key`` may still be replayed."""
        with self._changed:
            return key in self._active.keys or (self._other is not None and key in self._other.keys)

    def _write(self, key: str, data: Bytes | None) -> None:
        while True:
            self._check()
            try:
                self._active.append(self._generation, key, data)
            except LogFull:
                self._turn()
            else:
                self._active.keys[key] = None
                return

    def _turn(self) -> None:
        """Go on in the other segment, as soon as that one is free; others may be faster."""
        full = self._active
        if not full.end:
            raise LogBroken("an object larger than the log")
        self._changed.wait_for(
            lambda: (
                self._active is not full
                or self._broken is not None
                or not (self._due or self._syncing)
            )
        )
        self._check()
        if self._active is not full:
            return
        # Its last records may not be synced yet, and nobody would sync this segment again.
        self._attempt(self._active.sync)
        self._synced = self._written
        free = self._other or Segment(self._folder / "1", self._size)
        self._active, self._other, self._due = free, self._active, True
        self._generation += 1
        self._work.notify()

    def _sync_to(self, mine: int) -> None:
        """Return when record number ``mine`` is durable; one thread syncs for all that wait."""
        with self._changed:
            while self._synced < mine:
                self._check()
                if self._syncing:
                    self._changed.wait()
                    continue
                self._syncing = True
                segment, target = self._active, self._written
                self._changed.release()
                try:
                    error = _failure(segment.sync)
                finally:
                    self._changed.acquire()
                    self._syncing = False
                    self._changed.notify_all()
                if error is not None:
                    self._broken = error
                    self._work.notify()
                else:
                    self._synced = max(self._synced, target)

    def _attempt(self, action: Callable[[], None]) -> None:
        error = _failure(action)
        if error is not None:
            self._broken = error
            self._changed.notify_all()
            self._work.notify()
            self._check()

    def _check(self) -> None:
        if self._broken is not None:
            raise LogBroken(self._broken.errno or 0, self._broken.strerror or str(self._broken))

    @property
    def broken(self) -> bool:
        """Whether a sync has failed; the log is not used any more."""
        return self._broken is not None

    # --- the checkpoint ---------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._due or self._closing)
                if not self._due:
                    return
            self._settle()

    def _settle(self) -> None:
        """Sync every file of the full segment, then let it be used again."""
        with self._changed:
            # Whoever is between its record and its file has a file that is not there yet.
            self._work.wait_for(lambda: not self._moving or self._broken is not None)
            full = self._other
            assert full is not None
            keys = list(full.keys)
        error = _failure(lambda: self._checkpoint(keys)) or _failure(full.clear)
        with self._changed:
            self._broken = self._broken or error
            self._due = False
            self._changed.notify_all()

    def close(self) -> bool:
        """Sync every file; whether the log is of no more use. Nobody may be writing."""
        with self._changed:
            self._closing = True
            self._work.notify()
        self._thread.join()
        error = self._broken or _failure(lambda: self._checkpoint(list(self._active.keys)))
        for segment in (self._active, self._other):
            if segment is not None:
                segment.close()
        return error is None


def _failure(action: Callable[[], None]) -> OSError | None:
    """Do it; the error, if there was one."""
    try:
        action()
    except OSError as error:
        return error
    return None


def replay(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Key and data of every object in the log of a process that is gone, those taken back left out.

    The segments go in the order they were written; a record that is not whole ends its segment.
    """
    segments = []
    for path in folder.iterdir():
        records = _records(path)
        first = next(records, None)
        if first is not None:
            segments.append((first[0], path))
    order = [path for _, path in sorted(segments)]
    last: dict[str, tuple[Path, int]] = {}
    for path in order:
        for number, (_, key, data) in enumerate(_records(path)):
            last.pop(key, None)
            if data is not None:
                last[key] = path, number
    wanted = set(last.values())
    for path in order:
        for number, (_, key, data) in enumerate(_records(path)):
            if (path, number) in wanted and data is not None:
                yield key, data


def _records(path: Path) -> Iterator[tuple[int, str, bytes | None]]:
    """Generation, key and data of each whole record from the start of a segment."""
    expected: int | None = None
    with path.open("rb") as file:
        while True:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return
            magic, crc, generation, key_length, length = _HEADER.unpack(header)
            if magic != _MAGIC or key_length > _LONGEST_KEY:
                return
            if expected is not None and generation != expected:
                return
            name = file.read(key_length)
            removed = length == _REMOVED
            data = b"" if removed else file.read(min(length, os.fstat(file.fileno()).st_size))
            if zlib.crc32(data, zlib.crc32(name, zlib.crc32(header[8:]))) != crc:
                return
            expected = generation
            yield generation, name.decode("ascii"), None if removed else data
            file.seek(-file.tell() % _ALIGN, os.SEEK_CUR)
