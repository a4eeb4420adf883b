"""The folder of a quarantine: each instance as a DICOM file, and beside it why it is there.

It belongs to its owner alone (0700), and to no archive: no index, no query, no retrieval knows it.
An instance that is sent again is the same entry, since its name is the SHA-256 of its bytes.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.folders import make_folders, sync_folder
from pacs_framework.whole_file import whole_file

__all__ = ["Case", "NoSuchEntry", "Quarantine", "Quarantined"]

_OTHERS = 0o077
_OWNER_ONLY = 0o700
_READ_BY_OWNER = 0o600
_ID_DIGITS = 32


class NoSuchEntry(PacsError):
    """No entry has this id, or several begin with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What happened to an instance: why it was not de-identified, by which rule, whose it was.

    ``door`` is the way it came: that of an `Origin`, or ``files`` for a file of ``source``.
    """

    reason: str
    anonymizer: str
    rule: str = ""
    door: str = ""
    calling_aet: str = ""
    called_aet: str = ""
    address: str = ""
    source: str = ""
    sop_class_uid: str = ""
    sop_instance_uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """An entry: ``times`` it came, the ``first`` and the ``last`` of them (ISO 8601, UTC)."""

    id: str
    case: Case
    first: str
    last: str
    times: int
    size: int


class Quarantine:
    """The entries in a folder, which is made when something is put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, case: Case, pieces: Iterable[bytes | memoryview]) -> Quarantined:
        """Put an instance, given as a DICOM file in ``pieces``; durable when this returns.

        Raises OSError, and `ConfigurationError` for a folder that others can read.
        """
        self._prepare()
        part = self.folder / f".arriving-{os.getpid()}-{os.urandom(8).hex()}"
        try:
            size, digest = _write(part, pieces)
            return self._place(part, digest[:_ID_DIGITS], case, size)
        finally:
            part.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Quarantined]:
        """Every entry, the oldest first. Raises OSError."""
        names = self.folder.iterdir() if self.folder.is_dir() else ()
        found = [self._read(path.stem) for path in names if path.suffix == ".dcm"]
        yield from sorted(found, key=lambda entry: (entry.first, entry.id))

    def find(self, beginning: str) -> Quarantined:
        """The entry whose id begins like this. Raises `NoSuchEntry`."""
        found = [entry for entry in self if beginning and entry.id.startswith(beginning)]
        if len(found) != 1:
            several = f"{len(found)} entries begin" if found else "no entry begins"
            raise NoSuchEntry(
                f"{several} with {beginning!r} in the quarantine {str(self.folder)!r}"
            )
        return found[0]

    def file_of(self, entry: Quarantined) -> Path:
        """The DICOM file of an entry."""
        return self.folder / f"{entry.id}.dcm"

    def delete(self, entry: Quarantined) -> None:
        """Take an entry out for good. Raises OSError."""
        with self._locked():
            self.file_of(entry).unlink(missing_ok=True)
            self._note_of(entry.id).unlink(missing_ok=True)
            sync_folder(self.folder)

    def _prepare(self) -> None:
        if not self.folder.is_dir():
            make_folders(self.folder.absolute().parent)
            self.folder.mkdir(mode=_OWNER_ONLY, exist_ok=True)
            sync_folder(self.folder.absolute().parent)
        if self.folder.stat().st_mode & _OTHERS:
            raise ConfigurationError(
                f"the quarantine {str(self.folder)!r} can be used by others than its owner; it "
                f"holds patients' data: chmod 700"
            )

    def _place(self, part: Path, name: str, case: Case, size: int) -> Quarantined:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        entry = Quarantined(id=name, case=case, first=now, last=now, times=1, size=size)
        with self._locked():
            if self._note_of(name).exists():
                before = self._read(name)
                entry = replace(entry, first=before.first, times=before.times + 1)
            with whole_file(self._note_of(name), overwrite=True) as note:
                note.write(json.dumps(asdict(entry), indent=2).encode())
            part.replace(self.file_of(entry))
            sync_folder(self.folder)
        return entry

    def _read(self, name: str) -> Quarantined:
        try:
            said = json.loads(self._note_of(name).read_bytes())
            return Quarantined(**{**said, "case": Case(**said["case"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            size = (self.folder / f"{name}.dcm").stat().st_size
            case = Case(reason="unknown: the note beside it is lost", anonymizer="")
            return Quarantined(id=name, case=case, first="", last="", times=1, size=size)

    def _note_of(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time, of all threads and processes."""
        with (self.folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _write(part: Path, pieces: Iterable[bytes | memoryview]) -> tuple[int, str]:
    """Bytes written and their SHA-256."""
    digest = hashlib.sha256()
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_BY_OWNER)
    with os.fdopen(handle, "wb") as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        size = file.tell()
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()
