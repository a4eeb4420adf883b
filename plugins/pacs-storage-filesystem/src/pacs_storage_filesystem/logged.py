"""Small objects: durable in the write-ahead log first, and then files like all others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pacs_framework.archive.claims import Claim
from pacs_framework.errors import StorageError
from pacs_framework.storage import ObjectWriter
from pacs_storage_filesystem.failures import translated
from pacs_storage_filesystem.folders import Folders
from pacs_storage_filesystem.write_ahead import WriteAheadLog

__all__ = ["LoggedFiles", "LoggedWriter", "sync_files"]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_ATTEMPTS = 32


def sync_files(root: Path, folders: Folders, keys: Iterable[str]) -> None:
    """Make the files of ``keys`` durable, with their folders; those that are gone are left out."""
    parents: dict[str, None] = {}
    for key in keys:
        with suppress(FileNotFoundError):
            handle = os.open(root / key, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            parents[key.rpartition("/")[0]] = None
    for parent in parents:
        with suppress(FileNotFoundError):
            folders.durable(parent).sync()


class LoggedFiles:
    """The files that one process writes through its log."""

    def __init__(self, root: Path, folders: Folders, claim: Claim, size: int) -> None:
        self.pid = os.getpid()
        self._root = root
        self._folders = folders
        self._claim = claim
        self._log = WriteAheadLog(claim.folder, size, self._sync)

    @property
    def largest(self) -> int:
        """Bytes of the largest object for the log."""
        return self._log.largest

    @property
    def broken(self) -> bool:
        """Whether the log has failed; objects are then synced one by one."""
        return self._log.broken

    def keep(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Make an object durable, then its file visible. Raises OSError, and nothing is kept."""
        self._log.append(key, data)
        try:
            self._write(key, data)
        except BaseException:
            with suppress(OSError):
                (self._root / key).unlink()
            self._log.placed()  # first: the next line may wait for a checkpoint, which waits for us
            self.take_back(key)
            raise
        self._log.placed()

    def take_back(self, key: str) -> None:
        """See to it that a deleted object does not come back from the log. Raises OSError."""
        if self._log.holds(key):
            self._log.append(key, None)

    def close(self) -> None:
        """Sync every file; the log stays for the next start when that fails."""
        settled = self._log.close()
        self._claim.close(keep=not settled)

    def _sync(self, keys: list[str]) -> None:
        sync_files(self._root, self._folders, keys)

    def _write(self, key: str, data: bytes | bytearray | memoryview) -> None:
        handle = self._create(key)
        try:
            written = os.write(handle, data)
            while written < len(data):
                written += os.write(handle, memoryview(data)[written:])
        finally:
            os.close(handle)

    def _create(self, key: str) -> int:
        """A new file, in a folder that somebody may be removing because it was empty."""
        parent, _, name = key.rpartition("/")
        for _ in range(_ATTEMPTS):
            try:
                folder = self._folders.present(parent)
                return os.open(name, _CREATE, 0o640, dir_fd=folder.handle)
            except FileNotFoundError:
                self._folders.forget(parent)
        raise StorageError(f"the folder of {key!r} cannot be made; is the storage folder there?")


class LoggedWriter(ObjectWriter):
    """A small object, in memory until it is committed."""

    def __init__(self, files: LoggedFiles, key: str) -> None:
        self._files = files
        self._key = key
        self._pieces: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take a copy."""
        self._pieces.append(bytes(data))

    def commit(self) -> None:
        """Log, sync, write the file."""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        with translated("keep an object"):
            self._files.keep(self._key, data)
        self._pieces.clear()

    def abort(self) -> None:
        """Forget it."""
        self._pieces.clear()
