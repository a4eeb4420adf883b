"""Which objects are on their way into the index: what a killed process leaves to look at.

The key of an object is appended to a journal file before the object is committed. When the process
is killed, the next start looks at the keys of its journal, and not at the whole store: whatever the
index does not name was not acknowledged, and is taken in or removed
(`pacs_framework.archive.recovery`).

The journal is not synced, which would double the cost of storing. It survives the end of its
process, however it comes. A power cut may lose the last lines and so leave an object that no row
names; ``pacs verify`` names such an object, and takes it in or removes it with ``--sweep``
(`pacs_framework.archive.sweeping`). No acknowledged instance depends on the journal.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from pacs_framework.archive.claims import Claim, living
from pacs_framework.archive.incoming import Origin, origin_text

__all__ = ["Journal", "Mark", "Pending", "keys_under_way", "read_journal"]

_log = structlog.get_logger(__name__)

_ROTATE_BYTES = 1 << 20
_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An object that was on its way in, and where it came from."""

    key: str
    origin: Origin


class Mark:
    """One key in the journal, until `settle`."""

    __slots__ = ("_journal", "_segment")

    def __init__(self, journal: Journal, segment: _Segment) -> None:
        self._journal = journal
        self._segment = segment

    def settle(self) -> None:
        """The index names the object, or the object is gone: nothing is left to look at."""
        self._journal.settled(self._segment)


class Journal:
    """The journal of this process, in a folder of its own below ``parent``.

    It consists of files of about a megabyte; one goes when all its keys are settled.
    """

    def __init__(self, parent: Path) -> None:
        self._claim = Claim(parent)
        self._mutex = threading.Lock()
        self._number = 0
        self._current = self._new_segment()
        self._old: set[_Segment] = set()

    def mark(self, key: str, origin: Origin) -> Mark:
        """Note that an object is about to be committed under ``key``. Raises OSError."""
        line = f"[{json.dumps(key)},{origin_text(origin)}]".encode()
        with self._mutex:
            if self._current.size >= _ROTATE_BYTES:
                self._rotate()
            segment = self._current
            segment.append(line)
        return Mark(self, segment)

    def close(self) -> None:
        """Remove the journal, or leave it to the next start where keys are not settled."""
        with self._mutex:
            unsettled = bool(self._old) or self._current.open_marks > 0
            for segment in (*self._old, self._current):
                segment.close()
            self._claim.close(keep=unsettled)

    def settled(self, segment: _Segment) -> None:
        """One mark in ``segment`` is settled (see `Mark.settle`)."""
        with self._mutex:
            segment.open_marks -= 1
            if segment.open_marks == 0 and segment is not self._current:
                self._old.discard(segment)
                segment.remove()

    def _rotate(self) -> None:
        full, self._current = self._current, self._new_segment()
        if full.open_marks == 0:
            full.remove()
        else:
            self._old.add(full)

    def _new_segment(self) -> _Segment:
        self._number += 1
        return _Segment(self._claim.folder / f"{self._number}.jsonl")


class _Segment:
    """One file of the journal."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, _OPEN, 0o640)
        self.size = 0
        self.open_marks = 0

    def append(self, line: bytes) -> None:
        """Put a line down, whole. Raises OSError.

        A newline before it as well as behind it: whatever a full disk or a power cut has left of
        the line before hides nothing but that one.
        """
        left = memoryview(b"\n" + line + b"\n")
        while left:
            written = os.write(self._file, left)
            self.size += written
            left = left[written:]
        self.open_marks += 1

    def close(self) -> None:
        os.close(self._file)

    def remove(self) -> None:
        """One that cannot be removed does no harm: its keys are settled."""
        self.close()
        try:
            self._path.unlink()
        except OSError as error:
            _log.warning("a file of the journal is left over", error=error.strerror)


def read_journal(folder: Path) -> Iterator[Pending]:
    """What the journal in ``folder`` holds, settled or not; a torn line is passed over, as are the
    empty ones between lines, which journals of older versions do not have, and bytes that were
    never put down.
    """
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                key, origin = json.loads(line.strip(b"\0"))
                yield Pending(key=key, origin=Origin(**origin))
            except (ValueError, TypeError):
                continue


def keys_under_way(parent: Path) -> set[str]:
    """Every key in the journals of living processes: what they may be committing just now."""
    return {pending.key for folder in living(parent) for pending in read_journal(folder)}
