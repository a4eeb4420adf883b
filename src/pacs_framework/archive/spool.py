"""The bytes of one object while they come in: in memory while they are few, else in a file."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pacs_framework.errors import OutOfResources, StorageError

__all__ = ["Spool"]

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Spool:
    """``prefix``, then the data set as it is written, with its SHA-256 on the way.

    Up to ``limit`` bytes stay in memory; more go to a file, whose path ``new_path`` gives. That
    file is laid out as the object will be, so that a storage backend can take it as it is.
    """

    def __init__(self, prefix: bytes, *, limit: int, new_path: Callable[[], Path]) -> None:
        self.prefix = prefix
        self.path: Path | None = None
        self.size = len(prefix)
        self._buffer = bytearray(prefix)
        self._limit = limit
        self._new_path = new_path
        self._file = -1
        self._digest = hashlib.sha256()

    @property
    def dataset_size(self) -> int:
        """Bytes of the data set so far."""
        return self.size - len(self.prefix)

    @property
    def dataset_digest(self) -> bytes:
        """SHA-256 of the data set so far."""
        return self._digest.digest()

    @property
    def prefix_digest(self) -> bytes:
        """SHA-256 of the prefix."""
        return hashlib.sha256(self.prefix).digest()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append to the data set; nothing is kept by reference. Raises `StorageError`."""
        self._digest.update(data)
        self.size += len(data)
        if self.path is None:
            self._buffer += data
            if self.size > self._limit:
                self._to_file()
        else:
            self._append(data)

    def whole(self) -> memoryview:
        """The whole object, when it is in memory."""
        assert self.path is None
        return memoryview(self._buffer)

    def dataset(self) -> memoryview:
        """The data set, to read at any place: from memory, or mapped from the file."""
        if self.path is None:
            return self.whole()[len(self.prefix) :]
        mapped = mmap.mmap(self._file, 0, prot=mmap.PROT_READ)
        # A scan leaps from header to header: what lies between need not come into memory.
        mapped.madvise(mmap.MADV_RANDOM)
        return memoryview(mapped)[len(self.prefix) :]

    @contextmanager
    def reading(self) -> Iterator[memoryview | BinaryIO]:
        """The data set, to read from its start to its end without mapping it."""
        if self.path is None:
            yield self.dataset()
            return
        with self.path.open("rb") as file:
            file.seek(len(self.prefix))
            yield file

    def close(self) -> None:
        """Drop everything. Harmless when called twice, or after the file was moved away."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self.path is not None:
            with suppress(FileNotFoundError):
                self.path.unlink()

    def _to_file(self) -> None:
        path = self._new_path()
        try:
            self._file = os.open(path, _CREATE, 0o640)
        except OSError as error:
            raise _cannot_stage(error) from error
        self.path = path
        self._append(self._buffer)
        self._buffer = bytearray()

    def _append(self, data: bytes | bytearray | memoryview) -> None:
        try:
            written = os.write(self._file, data)
            while written < len(data):
                written += os.write(self._file, memoryview(data)[written:])
        except OSError as error:
            raise _cannot_stage(error) from error


def _cannot_stage(error: OSError) -> StorageError:
    kind = OutOfResources if error.errno in _FULL else StorageError
    return kind(f"cannot stage an instance: {error.strerror or error}")
