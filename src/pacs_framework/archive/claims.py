"""Folders that belong to one living process, and the remains of those that died.

Several processes of one archive share a data folder, and each has files that nobody else may touch:
what is being staged, what is not yet committed, the journal. Each works in a folder of its own,
next to a lock file that it holds with flock(2). The operating system lets go of the lock when the
process ends, however it ends; whoever can take the lock may clean up.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["Claim", "abandoned", "living"]

_SUFFIX = ".lock"


class Claim:
    """A folder of this process's own, ``folder``, until `close` or the end of the process."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        self._lock_path, self._lock = _new_lock(parent)
        self.folder = _folder_of(self._lock_path)
        self.folder.mkdir(mode=0o750)

    def close(self, *, keep: bool = False) -> None:
        """Let go, and remove the folder with what is left in it.

        ``keep`` leaves it as it is, for the next start to find among the `abandoned`.
        """
        if not keep:
            _remove(self._lock_path)
        os.close(self._lock)


def abandoned(parent: Path) -> Generator[Path]:
    """The folders below ``parent`` whose process is gone; each is removed after its turn.

    A folder whose turn ends in an exception stays for the next start.
    """
    for lock_path in sorted(parent.glob("*" + _SUFFIX)):
        lock = _try_lock(lock_path)
        if lock is None:
            continue
        try:
            folder = _folder_of(lock_path)
            if folder.is_dir():
                yield folder
            _remove(lock_path)
        finally:
            os.close(lock)


def living(parent: Path) -> Iterator[Path]:
    """The folders below ``parent`` whose process lives."""
    for lock_path in sorted(parent.glob("*" + _SUFFIX)):
        lock = _try_lock(lock_path)
        if lock is not None:
            os.close(lock)
        elif lock_path.exists():
            yield _folder_of(lock_path)


def _folder_of(lock_path: Path) -> Path:
    return lock_path.with_suffix("")


def _remove(lock_path: Path) -> None:
    """The folder first: a lock file without a folder is harmless, the reverse never cleaned."""
    shutil.rmtree(_folder_of(lock_path), ignore_errors=True)
    with suppress(FileNotFoundError):
        lock_path.unlink()


def _new_lock(parent: Path) -> tuple[Path, int]:
    """A lock file that is ours: locked, and still there after it was."""
    while True:
        path = parent / (secrets.token_hex(8) + _SUFFIX)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return path, lock
        os.close(lock)  # somebody cleaned up between the creation and the lock


def _try_lock(path: Path) -> int | None:
    """The lock of a process that is gone; None while it lives or when somebody was faster."""
    with suppress(FileNotFoundError):
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:
                return lock
        os.close(lock)
    return None
