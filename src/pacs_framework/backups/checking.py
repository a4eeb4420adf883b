"""Holding a backup against its own digests, and letting go of what it keeps too long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pacs_framework.archive.verify import Finding, FindingKind
from pacs_framework.backups.copying import settled, what_is_wrong
from pacs_framework.backups.dumped import check_digest, read_lines
from pacs_framework.backups.folder import BackupFolder, Snapshot
from pacs_framework.backups.present import Present
from pacs_framework.backups.stored_objects import StoredObject

if TYPE_CHECKING:
    from pacs_framework.storage import StorageBackend

__all__ = ["Pruned", "check", "prune"]

_AHEAD = 4


def check(
    snapshot: Snapshot,
    storage: StorageBackend | None,
    *,
    jobs: int,
    progress: Callable[[int, int], None],
) -> Iterator[Finding]:
    """What is wrong with the objects of a snapshot, each of which is read whole.

    ``storage`` has them; None leaves them unread. Raises `BackupError` for tables that are not as
    they were written, and `StorageError` where the objects cannot be listed.
    """
    for written in snapshot.files():
        check_digest(snapshot.folder, written)
    progress(0, snapshot.objects)
    if storage is None:
        return
    objects = (StoredObject(**row) for row in _lines(snapshot))
    with closing(Present.listed(storage)) as present:
        checked = _checked(objects, storage, present, jobs)
        for done, finding in enumerate(checked, start=1):
            if finding is not None:
                yield finding
            progress(done, snapshot.objects)


def _checked(
    objects: Iterator[StoredObject], storage: StorageBackend, present: Present, jobs: int
) -> Iterator[Finding | None]:
    with ThreadPoolExecutor(jobs, thread_name_prefix="verify") as threads:
        under_way: deque[Future[Finding | None]] = deque()
        try:
            for stored in objects:
                found = present.find(stored.version)  # a restore looks by version, too
                where = stored if found is None else replace(stored, key=found[0])
                under_way.append(threads.submit(_look_at, where, storage))
                if len(under_way) > jobs * _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _look_at(stored: StoredObject, storage: StorageBackend) -> Finding | None:
    fault, detail = what_is_wrong(stored, storage)
    if fault is None:
        return None
    return Finding(
        kind=FindingKind(fault),
        storage_key=stored.key,
        sop_instance_uid=stored.sop_instance_uid,
        detail=detail,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed."""

    snapshots: int
    objects: int


def prune(folder: BackupFolder, storage: StorageBackend | None, *, keep: int) -> Pruned:
    """Forget all but the newest ``keep`` snapshots, then delete the objects of none.

    Raises `BackupError`, also for a damaged snapshot that stays: what it needs is not known then;
    `StorageError` and OSError.
    """
    with folder.locked():
        snapshots = folder.snapshots()
        old, kept = snapshots[:-keep], snapshots[-keep:]
        for snapshot in kept:
            check_digest(snapshot.folder, snapshot.manifest)
        for snapshot in old:
            folder.remove(snapshot)
        objects = 0 if storage is None or not kept else _sweep(kept, storage)
    return Pruned(snapshots=len(old), objects=objects)


def _sweep(kept: list[Snapshot], storage: StorageBackend) -> int:
    """Delete the objects that no kept snapshot names; how many."""
    settled(storage)
    with closing(Present()) as needed:
        for snapshot in kept:
            for row in _lines(snapshot):
                needed.add_all([(row["version"], row["key"], row["size"])])
        old = [
            found.key
            for found in storage.list()
            if needed.find(storage.version_of(found.key)) is None
        ]
    for key in old:
        storage.delete(key)
    return len(old)


def _lines(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    return read_lines(snapshot.folder / snapshot.manifest.file)
