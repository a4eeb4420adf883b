"""One object as a file: written aside and renamed into place, read in ranges.

Written, synced, renamed, and the folder synced: a power cut leaves the object whole or not at all.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from pacs_framework.errors import ObjectNotFound, OutOfResources, StorageError
from pacs_framework.folders import sync_folder
from pacs_framework.storage import ObjectWriter

__all__ = ["FileRange", "FileWriter", "remove_abandoned", "storing"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn an error of the operating system into the one that the archive understands."""
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectNotFound(f"no object {what!r}") from error
    except OSError as error:
        kind = OutOfResources if error.errno in _FULL else StorageError
        raise kind(f"{what}: {error.strerror}") from error


class FileWriter(ObjectWriter):
    """Writes to a locked file in ``incoming``, which becomes ``target`` when it is whole."""

    def __init__(self, incoming: Path, target: Path) -> None:
        self._target = target
        self._path, self._handle = _new_locked(incoming)
        self._open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append; the operating system may take less at a time than it is given."""
        left = memoryview(data).cast("B")
        with storing(self._target.name):
            while left:
                left = left[os.write(self._handle, left) :]

    def commit(self) -> None:
        """File before rename, folder after it."""
        with storing(self._target.name):
            os.fsync(self._handle)
            self._path.rename(self._target)
            try:
                sync_folder(self._target.parent)
            except OSError:
                self._target.unlink(missing_ok=True)  # not known to be durable, so not kept
                raise
        self._close()

    def abort(self) -> None:
        """Remove the half-written file; harmless when there is none any more."""
        if self._open:
            self._path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        """Give the handle back, and the lock with it."""
        self._open = False
        os.close(self._handle)


def _new_locked(incoming: Path) -> tuple[Path, int]:
    """A new file that nobody takes for abandoned: its path and its handle."""
    while True:
        path = incoming / uuid4().hex
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return path, handle
        os.close(handle)  # another process removed it before it was locked: once more


def remove_abandoned(path: Path) -> bool:
    """Remove the file if the process that wrote it is dead: nobody holds its lock."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)  # under the lock: who waits for it sees that the file is gone
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


class FileRange:
    """Up to ``length`` bytes of a file from ``offset`` on, to the end when it is None."""

    def __init__(self, path: Path, offset: int, length: int | None) -> None:
        self._file = path.open("rb")
        self._file.seek(offset)
        self._left = length

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, all that is left when negative; empty at the end."""
        wanted = self._within(size)
        data = self._file.read(wanted)
        self._took(len(data))
        return data

    def readinto(self, buffer: memoryview | bytearray, /) -> int:
        """Fill ``buffer`` from its start; 0 at the end."""
        view = memoryview(buffer).cast("B")
        got = self._file.readinto(view[: self._within(len(view))])
        self._took(got)
        return got

    def _within(self, size: int) -> int:
        """``size``, cut at the end of the range; negative means no limit at all."""
        if self._left is None:
            return size
        return self._left if size < 0 else min(size, self._left)

    def _took(self, size: int) -> None:
        if self._left is not None:
            self._left -= size

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
