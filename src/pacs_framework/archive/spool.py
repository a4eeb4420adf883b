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

from pacs_framework.archive.buffers import Block, Buffers
from pacs_framework.archive.new_file import NewFile
from pacs_framework.errors import OutOfResources, StorageError

__all__ = ["Spool", "spool_buffers"]

_BLOCK = 1 << 20  # bytes; what is staged goes to its file in blocks of at least this
_KEPT = 32 << 20  # bytes of buffers that wait for the next instance
_HEADER = 1 << 20  # bytes at the start of a mapped file that the system may read ahead
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM)


def spool_buffers(limit: int) -> Buffers:
    """Buffers for spools that keep up to ``limit`` bytes in memory."""
    size = max(limit, _BLOCK)
    return Buffers(size, most=max(1, _KEPT // size))


class Spool:
    """``prefix``, then the data set as it is written, and its SHA-256.

    What stays in memory is hashed when the digest is asked for, by the thread that keeps it and not
    by the one that still has others to take in; what goes to a file, on its way there.

    Up to ``limit`` bytes stay in memory, in one of ``buffers``, from the start of a page on; more
    go to a file, whose path ``new_path`` gives, buffer by buffer. That file is laid out as the
    object will be, so that a storage backend can take it as it is, after `finish`.
    """

    def __init__(
        self, prefix: bytes, *, limit: int, new_path: Callable[[], Path], buffers: Buffers
    ) -> None:
        self.prefix = prefix
        self.path: Path | None = None
        self.size = len(prefix)
        self._limit = limit
        self._new_path = new_path
        self._file: NewFile | None = None
        self._digest = hashlib.sha256()
        self._hashed = 0  # bytes of the data set
        try:
            self._block = Block(buffers)
        except OSError as error:
            raise _cannot_stage(error) from error
        try:
            self._append(prefix, limit=buffers.size)
        except BaseException:
            self.close()
            raise

    @property
    def dataset_size(self) -> int:
        """Bytes of the data set so far."""
        return self.size - len(self.prefix)

    @property
    def dataset_digest(self) -> bytes:
        """SHA-256 of the data set so far."""
        if self._file is None:
            self._hash_block()
        return self._digest.digest()

    @property
    def prefix_digest(self) -> bytes:
        """SHA-256 of the prefix."""
        return hashlib.sha256(self.prefix).digest()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append to the data set; nothing is kept by reference. Raises `StorageError`."""
        self.size += len(data)
        self._append(data, limit=self._limit)
        if self._file is not None:
            self._digest.update(data)
            self._hashed += len(data)

    def whole(self) -> memoryview:
        """The whole object, when it is in memory; good until `close`."""
        assert self._file is None
        return self._block.content()

    def dataset(self) -> memoryview:
        """The data set, to read at any place: from memory, or mapped from the file.

        Good until `close`. Raises `StorageError`.
        """
        if self._file is None:
            return self.whole()[len(self.prefix) :]
        self.finish()
        mapped = mmap.mmap(self._file.handle, 0, prot=mmap.PROT_READ)
        if self.size > _HEADER:
            # A scan leaps from header to header: what lies between need not come into memory.
            mapped.madvise(mmap.MADV_RANDOM, _HEADER)
        return memoryview(mapped)[len(self.prefix) :]

    @contextmanager
    def reading(self) -> Iterator[memoryview | BinaryIO]:
        """The data set, to read from its start to its end without mapping it."""
        if self.path is None:
            yield self.dataset()
            return
        self.finish()
        with self.path.open("rb") as file:
            file.seek(len(self.prefix))
            yield file

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The whole object; each piece is good until the next one. Raises `StorageError`."""
        yield self.prefix
        with self.reading() as source:
            if isinstance(source, memoryview):
                yield source
                return
            while piece := source.read(_BLOCK):
                yield piece

    def finish(self) -> None:
        """Write what the file still lacks, if there is a file. Raises `StorageError`."""
        if self._file is not None:
            self._block.empty(self._stage)

    def close(self) -> None:
        """Drop everything. Harmless when called twice, or after the file was moved away."""
        self._block.give_back()
        if self._file is not None and self._file.handle >= 0:
            os.close(self._file.handle)
            self._file.handle = -1
        if self.path is not None:
            with suppress(FileNotFoundError):
                self.path.unlink()

    def _append(self, data: bytes | bytearray | memoryview, *, limit: int) -> None:
        if self._file is None:
            if self.size <= limit:
                self._block.fill(data)
                return
            self._begin_file()
        self._block.pour(data, self._stage)

    def _hash_block(self) -> None:
        waiting = self._block.content()[len(self.prefix) + self._hashed :]
        self._digest.update(waiting)
        self._hashed += len(waiting)

    def _begin_file(self) -> None:
        self._hash_block()
        path = self._new_path()
        try:
            self._file = NewFile(path)
        except OSError as error:
            raise _cannot_stage(error) from error
        self.path = path

    def _stage(self, data: memoryview) -> None:
        assert self._file is not None
        try:
            self._file.write(data)
        except OSError as error:
            raise _cannot_stage(error) from error


def _cannot_stage(error: OSError) -> StorageError:
    kind = OutOfResources if error.errno in _FULL else StorageError
    return kind(f"cannot stage an instance: {error.strerror or error}")
