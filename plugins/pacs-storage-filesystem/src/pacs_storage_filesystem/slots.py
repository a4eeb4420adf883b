"""Objects on their way into a pack, each in a buffer that is laid out as its slot."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from pacs_framework.archive.buffers import Buffers
from pacs_framework.errors import StorageError
from pacs_framework.storage import ObjectWriter
from pacs_storage_filesystem.active_pack import ActivePack
from pacs_storage_filesystem.failures import translated
from pacs_storage_filesystem.record import (
    HEADER,
    Bytes,
    PackKey,
    complete,
    deleted_header,
    slot_size,
)
from pacs_storage_filesystem.synced_write import MOST_AT_ONCE

__all__ = ["Slot", "commit_together"]


class Slot(ObjectWriter):
    """An object in one of ``buffers``, until it is committed to its place in ``pack``."""

    def __init__(self, pack: ActivePack, key: PackKey, note: bytes, buffers: Buffers) -> None:
        self.pack = pack
        self.key = key
        self.end = key.offset + slot_size(key.size)
        self._note = note
        self._buffers = buffers
        self._buffer: mmap.mmap | None = buffers.borrow()
        self._filled = HEADER.size

    def write(self, data: Bytes) -> None:
        """Take a copy."""
        start = self._filled
        self._filled = end = start + len(data)
        if end > HEADER.size + self.key.size:
            raise StorageError(f"more came than the {self.key.size} bytes that were announced")
        if self._buffer is not None:
            self._buffer[start:end] = data

    def commit(self) -> None:
        """Write the slot; it is durable then."""
        _write([self])
        self.abort()

    def completed(self) -> memoryview:
        """The record as it is to be written; release it before `abort`. Raises `StorageError`."""
        key, buffer = self.key, self._buffer
        came = self._filled - HEADER.size
        if buffer is None or came != key.size:
            raise StorageError(f"{came} bytes came for an object of {key.size}")
        slot = memoryview(buffer)[: self.end - key.offset]
        complete(slot, key, self._note, time.time_ns() // 1000)
        return slot

    def abort(self) -> None:
        """Let others have the buffer."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._buffers.give_back(buffer)


def commit_together(slots: Iterable[Slot]) -> None:
    """Commit all of ``slots``: those that lie one behind the other by one write.

    Raises `StorageError` where one write fails; those before it are durable, those behind are not.
    """
    for run in _runs(slots):
        _write(run)
        for slot in run:
            slot.abort()


def _write(run: Sequence[Slot]) -> None:
    """Write slots that lie one behind the other."""
    first = run[0]
    records = []
    try:
        for slot in run:
            records.append(slot.completed())  # noqa: PERF401 - those made are released
        with translated("keep an object"):
            try:
                first.pack.write(first.key.offset, records)
            except OSError:
                _blot_out(run)
                raise
    finally:
        for record in records:
            record.release()


def _blot_out(run: Iterable[Slot]) -> None:
    """What of a failed write is there is passed over."""
    for slot in run:
        with suppress(OSError):
            os.pwrite(slot.pack.handle, deleted_header(slot.key), slot.key.offset)


def _runs(slots: Iterable[Slot]) -> Iterator[list[Slot]]:
    run: list[Slot] = []
    for slot in slots:
        is_next = run and slot.pack is run[-1].pack and slot.key.offset == run[-1].end
        if run and (not is_next or len(run) == MOST_AT_ONCE):
            yield run
            run = []
        run.append(slot)
    if run:
        yield run
