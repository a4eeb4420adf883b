"""Folders of worklist files as a source, as DCMTK's wlmscpfs keeps them.

Files are looked for at each query, and read again only when they have changed. While a program
that writes them holds an exclusive lock on ``lockfile`` in their folder, a query waits, as wlmscpfs
does. A file that cannot be read is passed over and logged once, and so is a step that lacks what
modalities have to be told, as wlmscpfs does: half a file may be still on its way. A folder that
cannot be read fails the query.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydicom import Dataset

from pacs_worklist.items import ItemError, lacking
from pacs_worklist.reading import SUFFIXES, read_items

__all__ = ["FolderSource"]

_LOCK = "lockfile"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Version:
    """What tells one state of a file from another."""

    inode: int
    size: int
    changed: int  # nanoseconds


class FolderSource:
    """The steps in the files of ``folders``. Safe to use from many threads."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[_Version, list[Dataset]]] = {}

    def items(self, called_aet: str) -> list[Dataset]:
        """All steps for who calls this archive ``called_aet``. Raises OSError."""
        present: set[Path] = set()
        found: list[Dataset] = []
        for folder in self._folders:
            for place in _places(folder, called_aet):
                with _shared(place):
                    found += self._items_in(place, present)
        self._forget(present, called_aet)
        return found

    def _items_in(self, place: Path, present: set[Path]) -> Iterator[Dataset]:
        entries = sorted(
            (entry for entry in os.scandir(place) if entry.name.endswith(SUFFIXES)),
            key=lambda entry: entry.name,
        )
        for entry in entries:
            path = Path(entry.path)
            present.add(path)
            try:
                status = entry.stat()
                yield from self._of_file(
                    path, _Version(status.st_ino, status.st_size, status.st_mtime_ns)
                )
            except FileNotFoundError:
                continue  # taken away since the folder was read

    def _of_file(self, path: Path, version: _Version) -> list[Dataset]:
        with self._lock:
            known = self._read.get(path)
        if known is not None and known[0] == version:
            return known[1]
        try:
            items = list(_whole(path, read_items(path)))
        except ItemError as error:
            _log.warning("worklist file passed over", path=str(path), reason=str(error))
            items = []
        with self._lock:
            self._read[path] = (version, items)
        return items

    def _forget(self, present: set[Path], called_aet: str) -> None:
        """Drop what was read of files that are gone from where this query looked."""
        looked = set(self._folders)
        looked |= {folder / called_aet for folder in self._folders}
        with self._lock:
            gone = [p for p in self._read if p.parent in looked and p not in present]
            for path in gone:
                del self._read[path]


def _whole(path: Path, items: Iterable[Dataset]) -> Iterator[Dataset]:
    for item in items:
        missing = lacking(item)
        if not missing:
            yield item
            continue
        _log.warning("worklist file passed over", path=str(path), reason=f"no {', '.join(missing)}")


def _places(folder: Path, called_aet: str) -> Iterator[Path]:
    """The folder, and the one in it for an AE title, which a peer chose: it leads nowhere else."""
    yield folder
    if called_aet not in ("", ".", "..") and not {"/", "\0"}.intersection(called_aet):
        own = folder / called_aet
        if own.is_dir():
            yield own


@contextmanager
def _shared(place: Path) -> Iterator[None]:
    """The lock of those who read, where the folder has a file for it."""
    try:
        descriptor = os.open(place / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
