"""What became of each study, in a file that survives whatever ends the process.

One line of JSON for each event, synced before the next study begins; the last one of a study holds.
A line that was cut off by the end of a process is passed over.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from pacs_framework.folders import make_folders, sync_folder

__all__ = ["Entry", "Ledger"]

_FEW = 100  # of the missing instances are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One study: ``done`` or not, how many instances the peer has and how many are here.

    ``there`` is None where the peer did not say. ``missing`` names up to a hundred instances that
    are not here, ``error`` says why the study is not done.
    """

    study: str
    done: bool
    there: int | None
    here: int
    attempts: int = 1
    error: str = ""
    missing: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether less is here than there."""
        return bool(self.missing) or (self.there is not None and self.here < self.there)


class Ledger:
    """The file at ``path``, made with its folders where it is not there. From many threads."""

    def __init__(self, path: Path) -> None:
        make_folders(path.parent)
        self.path = path
        self.entries: dict[str, Entry] = {}
        self._mutex = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        sync_folder(path.parent)
        text = path.read_bytes()
        for line in text.splitlines():
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):
                continue
            self.entries[entry.study] = entry
        if text and not text.endswith(b"\n"):
            os.write(self._file, b"\n")  # what comes next does not continue a torn line

    def put(self, entry: Entry) -> None:
        """Durable on return. Raises OSError."""
        line = json.dumps({**asdict(entry), "missing": entry.missing[:_FEW]}).encode() + b"\n"
        with self._mutex:
            os.write(self._file, line)
            os.fdatasync(self._file)
            self.entries[entry.study] = entry

    def is_done(self, study: str, there: int | None) -> bool:
        """Whether a study is done, and the peer has not more of it by now."""
        entry = self.entries.get(study)
        if entry is None or not entry.done:
            return False
        return there is None or entry.there is None or there <= entry.there

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
