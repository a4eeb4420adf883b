"""An object as a file of its own: written under a temporary name, then renamed to its key."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.archive.buffers import Block, Buffers
from pacs_framework.archive.new_file import NewFile
from pacs_framework.storage import ObjectWriter
from pacs_storage_filesystem.failures import explain, translated

if TYPE_CHECKING:
    from pacs_storage_filesystem.backend import FilesystemBackend

__all__ = ["FileWriter", "file_buffers"]

_CHECK_EVERY = 16 << 20  # bytes written between two looks at the free space
_BLOCK = 1 << 20
_KEPT = 16


def file_buffers() -> Buffers:
    """Buffers for objects that come in pieces."""
    return Buffers(_BLOCK, most=_KEPT)


class FileWriter(ObjectWriter):
    """The file at ``temporary`` on its way to ``key``.

    An object of ``size`` bytes that is written in one piece goes to the file from where it is;
    pieces of others are gathered in one of ``buffers`` first. Raises `StorageError`.
    """

    def __init__(
        self,
        backend: FilesystemBackend,
        key: str,
        temporary: str,
        *,
        size: int | None,
        buffers: Buffers,
    ) -> None:
        self._backend = backend
        self._key = key
        self._temporary = temporary
        self._size = size
        self._buffers = buffers
        self._block: Block | None = None
        self._open = True
        self._unchecked = 0
        with translated("make a file"):
            self._file = NewFile(temporary)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append to the file; looks at the free space now and then."""
        self._unchecked += len(data)
        if self._unchecked >= _CHECK_EVERY:
            self._unchecked = 0
            self._backend.require(0)
        try:
            if self._block is None and len(data) == self._size:
                self._file.write(data)
            else:
                self._gather(data)
        except OSError as error:
            raise explain("write an object", error) from error

    def _gather(self, data: bytes | bytearray | memoryview) -> None:
        if self._block is None:
            self._block = Block(self._buffers)
        self._block.pour(data, self._file.write)

    def commit(self) -> None:
        """Sync, rename, sync the folder."""
        try:
            with translated("keep an object"):
                if self._block is not None:
                    self._block.empty(self._file.write)
                # Before the rename, although its own sync would cover both: nobody ever finds a
                # file under a key that is not whole, on no file system, whatever it journals when.
                os.fsync(self._file.handle)
                self._backend.place(self._temporary, self._key)
        except BaseException:
            self.abort()
            raise
        self._close()

    def abort(self) -> None:
        """Remove the temporary file."""
        if self._open:
            self._close()
            with suppress(OSError):
                Path(self._temporary).unlink()

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._file.handle)
            if self._block is not None:
                self._block.give_back()
