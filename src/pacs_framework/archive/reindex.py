"""Making the index anew, from the objects in the storage alone.

Objects are taken in the order of their versions, which is the order they arrived in, so that each
patient, study and series gets its values from the same instances as the first time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.archive.claims import Claim, living
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.objects import ObjectReader
from pacs_framework.archive.readings import Readings
from pacs_framework.archive.verify import Finding, FindingKind
from pacs_framework.errors import ConfigurationError, InstanceError, PacsError, StorageError
from pacs_framework.index.entry import DuplicatePolicy, Entry, Stored
from pacs_framework.index.rebuild import Rebuild, rebuilding

if TYPE_CHECKING:
    from pacs_framework.storage import StorageBackend

__all__ = ["reindex"]

_PAGE = 500
_BATCH = 32
_IN_MEMORY = 16 << 20  # larger objects pass through the staging folder
_ORIGIN = Origin(door="reindex")
_READINGS = "reindex.jsonl"
_AHEAD = 4  # objects for each thread that are asked for before the first is awaited


def reindex(
    url: str,
    storage: StorageBackend,
    data: Path,
    *,
    duplicates: DuplicatePolicy = DuplicatePolicy.IGNORE,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[Finding]:
    """Make the index at ``url`` anew; it is in place when the iterator is exhausted.

    Yields what could not be indexed: unreadable objects, and those of a SOP Instance UID that
    another object has. Of these the latest is indexed if ``duplicates`` is REPLACE, else the first.
    Objects are read ``jobs`` at a time. What was read is kept in ``data`` until the index is in
    place: interrupted, however that comes, the next call reads only the rest. ``progress`` is told
    how many of how many objects are done.

    Raises `ConfigurationError` while an archive runs on ``data``, `IndexUnavailable` and
    `StorageError`; the old index then stays.
    """
    running = sorted(path.name for path in living(data / "journal"))
    if running:
        raise ConfigurationError(
            f"an archive is running on {str(data)!r}; stop it before the index is made anew"
        )
    staging = Claim(data / "staging")
    numbers = count()
    reader = ObjectReader(
        storage, limit=_IN_MEMORY, new_path=lambda: staging.folder / str(next(numbers))
    )
    try:
        with Readings(data / _READINGS, origin=_ORIGIN, duplicates=duplicates) as readings:
            with rebuilding(url) as rebuild:
                total = _note_all(storage, rebuild)
                progress(0, total)
                read = _read(rebuild.keys(), reader, readings, duplicates, jobs)
                for done, finding in _fill(rebuild, read):
                    if finding is not None:
                        yield finding
                    progress(done, total)
            readings.forget()
    finally:
        staging.close()


def _note_all(storage: StorageBackend, rebuild: Rebuild) -> int:
    """Put down every object with its version; how many there are."""
    total = 0
    listed = storage.list()
    while page := [(storage.version_of(found.key), found.key) for found in islice(listed, _PAGE)]:
        rebuild.note(page)
        total += len(page)
    return total


_Read = tuple[str, Entry | PacsError]
"""The key of an object, with what it says of itself, or why it cannot be read."""


def _read(
    keys: Iterator[tuple[str, str]],
    reader: ObjectReader,
    readings: Readings,
    duplicates: DuplicatePolicy,
    jobs: int,
) -> Iterator[_Read]:
    """Every object in the order of ``keys``, ``jobs`` of them read at a time."""

    def read(key: str) -> _Read:
        try:
            return key, reader.entry(key, _ORIGIN, duplicates)
        except (InstanceError, StorageError) as error:
            return key, error

    with ThreadPoolExecutor(jobs, thread_name_prefix="reindex") as threads:
        under_way: deque[_Read | Future[_Read]] = deque()
        try:
            for version, key in keys:
                before = readings.find(version, key)
                under_way.append(threads.submit(read, key) if before is None else (key, before))
                if len(under_way) > jobs * _AHEAD:
                    yield _kept(under_way.popleft(), readings)
            while under_way:
                yield _kept(under_way.popleft(), readings)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _kept(read: _Read | Future[_Read], readings: Readings) -> _Read:
    """The result; one that was read just now is put down."""
    if isinstance(read, tuple):
        return read
    key, entry = read.result()
    if isinstance(entry, Entry):
        readings.put(entry)
    return key, entry


def _fill(rebuild: Rebuild, read: Iterator[_Read]) -> Iterator[tuple[int, Finding | None]]:
    """Index every object; the number done, with what is wrong with the last one."""
    batch: dict[str, Entry] = {}
    done = 0
    for done, (key, entry) in enumerate(read, start=1):
        if not isinstance(entry, Entry):
            finding = Finding(kind=FindingKind.UNREADABLE, storage_key=key, detail=str(entry))
            yield done, finding
            continue
        uid = entry.attributes["SOPInstanceUID"]
        if uid in batch or len(batch) == _BATCH:
            for lost in _add(rebuild, batch):
                yield done, lost
        batch[uid] = entry
        yield done, None
    for lost in _add(rebuild, batch):
        yield done, lost


def _add(rebuild: Rebuild, batch: dict[str, Entry]) -> list[Finding]:
    """Index a batch and empty it; a finding for each object that lost its UID to another."""
    if not batch:  # an archive without objects, or the last batch was full
        return []
    findings = []
    entries = list(batch.values())
    batch.clear()
    for entry, outcome in zip(entries, rebuild.add(entries), strict=True):
        kept = isinstance(outcome, Stored) and outcome.keeps_object
        loser = entry.storage_key if not kept else getattr(outcome, "superseded_key", None)
        if loser is not None:
            findings.append(
                Finding(
                    kind=FindingKind.ORPHAN,
                    storage_key=loser,
                    sop_instance_uid=entry.attributes["SOPInstanceUID"],
                    detail="another object of the same SOP Instance UID is indexed",
                )
            )
    return findings
