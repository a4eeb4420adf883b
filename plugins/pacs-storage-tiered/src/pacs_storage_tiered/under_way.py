"""Which objects this process is putting into places, for whoever comes after its death.

A process that is killed between the first copy and the last leaves an object that is short of
copies, and nobody would know. So its key is put down, durably, before any place commits it. The
sync runs while the bytes still come in, and one sync serves all that wait for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pacs_framework.archive.claims import Claim, abandoned
from pacs_framework.errors import StorageError
from pacs_framework.folders import make_folders

__all__ = ["UnderWay", "left_behind"]

_FILE = "keys"
_LONG = 4 << 20  # bytes after which the file is written anew


class UnderWay:
    """The notes of this process, in a folder of its own below ``folder``."""

    def __init__(self, folder: Path) -> None:
        make_folders(folder)
        self._claim = Claim(folder)
        self._path = self._claim.folder / _FILE
        self._mutex = threading.Lock()
        self._syncing = threading.Lock()
        self._keys: set[str] = set()
        self._file = _open(self._path)
        self._written = self._synced = 0
        self._size = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tiered-notes")

    def begin(self, key: str) -> Future[None]:
        """Put ``key`` down; durable when the result is there. It may raise `StorageError`."""
        with self._mutex:
            self._keys.add(key)
            self._write(f"+{key}\n")
            return self._thread.submit(self._sync, self._written)

    def end(self, key: str) -> None:
        """Every place has it, or somebody else will see to it. Costs no sync."""
        with self._mutex:
            self._keys.discard(key)
            if self._size > _LONG:
                self._rewrite()
            else:
                self._write(f"-{key}\n")

    def close(self) -> None:
        """Nothing may be coming in. What is not ended stays for the next start."""
        self._thread.shutdown()
        os.close(self._file)
        self._claim.close(keep=bool(self._keys))

    def _write(self, line: str) -> None:
        try:
            self._size += os.write(self._file, line.encode())
        except OSError as error:
            raise _failure(error) from error
        self._written += 1

    def _sync(self, wanted: int) -> None:
        with self._syncing:
            if self._synced >= wanted:
                return
            with self._mutex:
                written, file = self._written, self._file
            try:
                os.fdatasync(file)
            except OSError as error:
                raise _failure(error) from error
            self._synced = written

    def _rewrite(self) -> None:
        """Only what is under way; a crash leaves the old file or the new one.

        The mutex is held, so nothing is put down meanwhile. A sync that is running goes on with the
        old file, which is why it stays open until that is over.
        """
        new = self._path.with_suffix(".new")
        text = "".join(f"+{key}\n" for key in sorted(self._keys)).encode()
        try:
            file = _open(new)
            os.write(file, text)
            os.fsync(file)
            new.replace(self._path)
        except OSError as error:
            raise _failure(error) from error
        old, self._file, self._size = self._file, file, len(text)
        self._thread.submit(os.close, old)


def left_behind(folder: Path) -> Iterator[set[str]]:
    """What each process that died was putting into places; forgotten when the next is asked for."""
    for found in abandoned(folder):
        keys: set[str] = set()
        path = found / _FILE
        for line in path.read_text().splitlines() if path.exists() else ():
            (keys.add if line.startswith("+") else keys.discard)(line[1:])
        yield keys


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def _failure(error: OSError) -> StorageError:
    return StorageError(f"cannot note what is under way: {error.strerror}")
