"""What was read of objects, kept in a file: whoever is interrupted need not read them again.

An object never changes under its key, so what was once read of it holds. The file has one line of
JSON for each object, in the order of their versions, as `pacs_framework.archive.reindex` goes
through them. It is not synced: what a power cut takes from it is read again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

from pacs_framework import __version__
from pacs_framework.archive.incoming import Origin
from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.index.entry import DuplicatePolicy, Entry

__all__ = ["Readings"]

# Another version may take other things out of an object.
_HEAD = {"software": __version__, "attributes": list(INDEXED), "form": 2}


class Readings:
    """The file at ``path``: `find` in the order of versions, `put` what was not there."""

    def __init__(self, path: Path, *, origin: Origin, duplicates: DuplicatePolicy) -> None:
        self._path = path
        self._origin = origin
        self._duplicates = duplicates
        self._before = _lines(path)
        self.found = 0
        if next(self._before, None) != _HEAD:
            self._before = iter(())
            path.unlink(missing_ok=True)
        self._next = next(self._before, None)
        self._file: IO[bytes] = path.open("ab")
        if self._file.tell() == 0:
            self._write(_HEAD)
        else:
            self._file.write(b"\n")  # what comes next does not continue a torn line

    def find(self, version: str, key: str) -> Entry | None:
        """What was read of an object before; asked in the order of versions."""
        while self._next is not None and self._next["version"] < version:
            self._next = next(self._before, None)
        row = self._next
        if row is None or row["storage_key"] != key:
            return None
        self.found += 1
        return Entry(
            **{
                **row,
                "prefix_digest": bytes.fromhex(row["prefix_digest"]),
                "dataset_digest": bytes.fromhex(row["dataset_digest"]),
                "received": dt.datetime.fromisoformat(row["received"]),
                "origin": self._origin,
                "duplicates": self._duplicates,
            }
        )

    def put(self, entry: Entry) -> None:
        """Keep what was read; there after the end of the process, however it comes."""
        self._write(
            {
                "attributes": dict(entry.attributes),
                "transfer_syntax_uid": entry.transfer_syntax_uid,
                "storage_key": entry.storage_key,
                "version": entry.version,
                "dataset_offset": entry.dataset_offset,
                "size": entry.size,
                "prefix_digest": entry.prefix_digest.hex(),
                "dataset_digest": entry.dataset_digest.hex(),
                "received": entry.received.isoformat(),
                "source_aet": entry.source_aet,
            }
        )

    def forget(self) -> None:
        """Nobody needs it any more."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the file to the next time."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """What the lines say; one that was cut off is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                continue
