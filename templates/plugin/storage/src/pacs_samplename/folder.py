"""Storage in one folder: each object is a DICOM file, in one of 256 folders below it.

What a killed process left half-written goes at the next start; a lock on each file in ``incoming``
tells the living from the dead.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from pacs_framework.errors import ObjectNotFound, OutOfResources
from pacs_framework.folders import make_folders, sync_folder
from pacs_framework.storage import ByteSource, ObjectName, ObjectStat, ObjectWriter, StorageBackend

from pacs_samplename.files import (
    FileRange,
    FileWriter,
    remove_abandoned,
    storing,
)

__all__ = ["FolderStorage"]

_KEY = re.compile(r"[0-9a-f]{2}/[0-9.]{1,64}-(?P<version>[0-9a-z]+)\.dcm")


class FolderStorage(StorageBackend):
    """Keeps objects below ``root``; ``reserve`` bytes stay free on its file system.

    Several processes may share the folder. Raises `StorageError` when it cannot be made.
    """

    def __init__(self, root: Path, *, reserve: int = 0) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._reserve = reserve
        with storing("the folders"):
            # All at once and durable, so that storing an object never has to look.
            make_folders(root)
            for name in ("incoming", *(f"{number:02x}" for number in range(256))):
                (root / name).mkdir(exist_ok=True)
            sync_folder(root)

    def key_for(self, name: ObjectName) -> str:
        """Folder, UID and version."""
        folder = sha256(name.sop_instance_uid.encode()).hexdigest()[:2]
        return f"{folder}/{name.sop_instance_uid}-{name.version}.dcm"

    def version_of(self, key: str) -> str:
        """The part behind the UID; empty for a key of another form."""
        found = _KEY.fullmatch(key)
        return found["version"] if found else ""

    def begin(self, key: str, *, size: int | None = None, note: bytes = b"") -> ObjectWriter:
        """Start an object. ``note`` is dropped: this storage remembers nothing after a crash."""
        del note
        path = self._path(key)
        with storing(key):
            free = self.free_space()
            if free < (size or 1):
                raise OutOfResources(f"no room for {size or 1} bytes: {free} are left to use")
            return FileWriter(self._incoming, path)

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """A range of the file; who has it open reads on when it is deleted."""
        path = self._path(key)
        with storing(key):
            return FileRange(path, offset, length)

    def stat(self, key: str) -> ObjectStat:
        """Size, and the time of the last write."""
        path = self._path(key)
        with storing(key):
            return _stat(key, path.stat())

    def delete(self, key: str) -> None:
        """Remove the file; a missing one is no error."""
        if not _KEY.fullmatch(key):
            return
        with storing(key):
            (self._root / key).unlink(missing_ok=True)

    def list(self) -> Iterator[ObjectStat]:
        """Folder by folder; files that others put there are not ours to list."""
        for number in range(256):
            folder = f"{number:02x}"
            with storing("the list"), os.scandir(self._root / folder) as entries:
                for entry in entries:
                    key = f"{folder}/{entry.name}"
                    if _KEY.fullmatch(key):
                        with suppress(FileNotFoundError):  # deleted meanwhile
                            yield _stat(key, entry.stat())

    def free_space(self) -> int:
        """What the file system has left, without the reserve."""
        figures = os.statvfs(self._root)
        return max(0, figures.f_bavail * figures.f_frsize - self._reserve)

    def recover(self) -> int:
        """Remove what dead processes left in ``incoming``."""
        with storing("what was half-written"):
            return sum(map(remove_abandoned, self._incoming.iterdir()))

    def _path(self, key: str) -> Path:
        """Where the object is. A key of another form names nothing, least of all outside."""
        if not _KEY.fullmatch(key):
            raise ObjectNotFound(f"no object {key!r}: not a key of this storage")
        return self._root / key


def _stat(key: str, facts: os.stat_result) -> ObjectStat:
    committed = dt.datetime.fromtimestamp(facts.st_mtime, dt.UTC)
    return ObjectStat(key=key, size=facts.st_size, committed=committed)
