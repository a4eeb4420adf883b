"""Making the index anew, from the objects in the storage alone.

Objects are taken in the order of their versions, which is the order they arrived in, so that each
patient, study and series gets its values from the same instances as the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.archive.claims import Claim, living
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.objects import ObjectReader
from pacs_framework.archive.verify import Finding, FindingKind
from pacs_framework.errors import ConfigurationError, InstanceError, StorageError
from pacs_framework.index.entry import DuplicatePolicy, Entry, Stored
from pacs_framework.index.rebuild import Rebuild, rebuilding

if TYPE_CHECKING:
    from pacs_framework.storage import StorageBackend

__all__ = ["reindex"]

_PAGE = 500
_BATCH = 32
_IN_MEMORY = 16 << 20  # larger objects pass through the staging folder
_ORIGIN = Origin(door="reindex")


def reindex(
    url: str,
    storage: StorageBackend,
    data: Path,
    *,
    duplicates: DuplicatePolicy = DuplicatePolicy.IGNORE,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[Finding]:
    """Make the index at ``url`` anew; it is in place when the iterator is exhausted.

    Yields what could not be indexed: unreadable objects, and those of a SOP Instance UID that
    another object has. Of these the latest is indexed if ``duplicates`` is REPLACE, else the first.
    ``progress`` is told how many of how many objects are done.

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
        with rebuilding(url) as rebuild:
            total = _note_all(storage, rebuild)
            progress(0, total)
            for done, finding in _fill(rebuild, reader, duplicates):
                if finding is not None:
                    yield finding
                progress(done, total)
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


def _fill(
    rebuild: Rebuild, reader: ObjectReader, duplicates: DuplicatePolicy
) -> Iterator[tuple[int, Finding | None]]:
    """Index every noted object; the number done, with what is wrong with the last one."""
    batch: dict[str, Entry] = {}
    for done, key in enumerate(rebuild.keys(), start=1):
        try:
            entry = reader.entry(key, _ORIGIN, duplicates)
        except (InstanceError, StorageError) as error:
            finding = Finding(kind=FindingKind.UNREADABLE, storage_key=key, detail=str(error))
            yield done, finding
            continue
        uid = entry.attributes["SOPInstanceUID"]
        if uid in batch or len(batch) == _BATCH:
            for finding in _add(rebuild, batch):
                yield done, finding
        batch[uid] = entry
        yield done, None
    for finding in _add(rebuild, batch):
        yield done, finding


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
