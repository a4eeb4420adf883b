"""Objects as files below one folder: atomic, durable, and never more than the reserve allows."""

from __future__ import annotations

import datetime as dt
import errno
import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from pacs_framework.archive.claims import Claim, abandoned
from pacs_framework.errors import ObjectNotFound, OutOfResources, StorageError
from pacs_framework.folders import make_folders
from pacs_framework.storage import ByteSource, ObjectName, ObjectStat, ObjectWriter, StorageBackend
from pacs_storage_filesystem.failures import explain, translated
from pacs_storage_filesystem.files import FileWriter, file_buffers
from pacs_storage_filesystem.folders import Folders
from pacs_storage_filesystem.naming import Naming, is_key, key_of, version_of
from pacs_storage_filesystem.ranges import RangeReader

__all__ = ["FilesystemBackend"]

_INCOMING = ".incoming"
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_ATTEMPTS = 32
_FETCHED = 1 << 20  # bytes that are fetched before they are asked for


class FilesystemBackend(StorageBackend):
    """Keeps objects below ``root`` and leaves ``reserve`` bytes of its file system free."""

    def __init__(self, root: Path, *, naming: Naming, reserve: int) -> None:
        with translated("open the storage folder"):
            make_folders(root)
            self._folders = Folders(root)
        self._root = root
        self._naming = naming
        self._reserve = reserve
        self._claim: tuple[int, Claim] | None = None
        self._buffers = file_buffers()
        self._mutex = threading.Lock()
        self._numbers = count()

    def key_for(self, name: ObjectName) -> str:
        """A relative path, laid out as the setting ``naming`` says."""
        return key_of(name, self._naming)

    def version_of(self, key: str) -> str:
        """The version at the end of the file name."""
        return version_of(key)

    def begin(
        self,
        key: str,
        *,
        size: int | None = None,
        note: bytes = b"",  # noqa: ARG002 - files are not remembered
    ) -> ObjectWriter:
        """Start a temporary file; refuses when ``size`` bytes would touch the reserve."""
        self._check(key)
        self.require(size or 0)
        with translated("make a file"):
            temporary = self._temporary()
        return FileWriter(self, key, temporary, size=size, buffers=self._buffers)

    def put_file(self, key: str, path: Path) -> None:
        """Sync the file and rename it into place; across file systems, copy it."""
        self._check(key)
        self.require(0)
        with translated("sync a staged file"):
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        try:
            self.place(path, key)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise explain("keep an object", error) from error
            super().put_file(key, path)

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """An unbuffered file, or a window into one."""
        if not is_key(key):
            raise _missing(key)
        try:
            file = io.FileIO(self._root / key, "rb")
        except _ABSENT as error:
            raise _missing(key) from error
        except OSError as error:
            raise explain("open an object", error) from error
        if offset:
            file.seek(offset)
        if length is None:
            return file
        # Whoever names a length reads all of it, and often something else before.
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), offset, min(length, _FETCHED), os.POSIX_FADV_WILLNEED)
        return RangeReader(file, length)

    def stat(self, key: str) -> ObjectStat:
        """Size and time from the file itself."""
        if not is_key(key):
            raise _missing(key)
        try:
            found = (self._root / key).stat()
        except _ABSENT as error:
            raise _missing(key) from error
        if not stat.S_ISREG(found.st_mode):
            raise _missing(key)
        return _stat(key, found)

    def delete(self, key: str) -> None:
        """Remove the file durably, and the folders that it leaves empty."""
        if not is_key(key):
            return
        parent = key.rpartition("/")[0]
        with translated("delete an object"):
            try:
                (self._root / key).unlink()
            except _ABSENT:
                return
            self._sync(parent)
        self._folders.remove_empty(parent)

    def list(self) -> Iterator[ObjectStat]:
        """Walk the folders, one open listing for each level."""
        yield from self._walk("")

    def free_space(self) -> int:
        """What the file system has for us, less the reserve."""
        with translated("measure the free space"):
            found = os.statvfs(self._root)
        return max(0, found.f_bavail * found.f_frsize - self._reserve)

    def recover(self) -> int:
        """Remove the temporary files of processes that are gone; living ones keep theirs."""
        return sum(sum(1 for _ in folder.iterdir()) for folder in abandoned(self._root / _INCOMING))

    def close(self) -> None:
        """Remove the folder of temporary files, and give the open folders back."""
        claim, self._claim = self._claim, None
        if claim is not None and claim[0] == os.getpid():
            claim[1].close()
        self._folders.close()

    def require(self, size: int) -> None:
        """Raises `OutOfResources` when ``size`` more bytes would touch the reserve."""
        if self.free_space() <= size:
            raise OutOfResources(
                f"no room for {size} bytes: the storage folder has to keep "
                f"{self._reserve} bytes free; free some or lower the reserve"
            )

    def place(self, source: Path | str, key: str) -> None:
        """Rename a synced file to its key and sync the folder; on failure neither remains."""
        parent, _, name = key.rpartition("/")
        for _ in range(_ATTEMPTS):
            try:
                folder = self._folders.durable(parent)
                os.rename(source, name, dst_dir_fd=folder.handle)
            except FileNotFoundError:
                # The folder was empty, and whoever deleted its last object has removed it.
                self._folders.forget(parent)
                continue
            try:
                folder.sync()
            except OSError:
                with suppress(OSError):
                    os.unlink(name, dir_fd=folder.handle)
                raise
            return
        raise StorageError(f"the folder of {key!r} cannot be made; is the storage folder there?")

    def _temporary(self) -> str:
        """A path in the folder that this process alone writes to."""
        with self._mutex:
            if self._claim is None or self._claim[0] != os.getpid():
                self._claim = (os.getpid(), Claim(self._root / _INCOMING))
            return f"{self._claim[1].folder}/{next(self._numbers)}"

    def _sync(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._folders.durable(path).sync()

    def _check(self, key: str) -> None:
        if not is_key(key):
            raise StorageError(f"{key!r} is no key of this storage")

    def _walk(self, folder: str) -> Iterator[ObjectStat]:
        try:
            entries = os.scandir(self._root / folder)
        except FileNotFoundError:  # removed since it was listed
            return
        with entries:
            for entry in entries:
                key = f"{folder}/{entry.name}" if folder else entry.name
                if not is_key(key):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(key)
                    continue
                with suppress(FileNotFoundError):
                    yield _stat(key, entry.stat(follow_symlinks=False))


def _missing(key: str) -> ObjectNotFound:
    return ObjectNotFound(f"no object {key!r}; `pacs verify` tells what is missing")


def _stat(key: str, found: os.stat_result) -> ObjectStat:
    committed = dt.datetime.fromtimestamp(found.st_mtime, dt.UTC)
    return ObjectStat(key=key, size=found.st_size, committed=committed)
