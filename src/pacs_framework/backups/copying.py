"""Objects copied from one storage to another, each proved by its digests before it is kept.

An object of a backend is there whole or not at all, so a copy that was interrupted goes on from
what the target lists, and nothing else has to be remembered.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacs_framework.archive.verify import FindingKind
from pacs_framework.errors import ObjectNotFound, StorageError

if TYPE_CHECKING:
    from pacs_framework.backups.present import Present
    from pacs_framework.backups.stored_objects import StoredObject
    from pacs_framework.storage import StorageBackend, Unsettled

__all__ = ["Copied", "copy_objects", "settled", "what_is_wrong"]

_BLOCK = 1 << 20
_AHEAD = 4  # objects for each thread that are asked for before the first is awaited
_SETTLE_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What became of one object. ``stored`` has the key in the target.

    ``fault`` is what is wrong with the source; then the target does not have it. ``anew`` says
    that it was copied just now.
    """

    stored: StoredObject
    anew: bool = False
    fault: FindingKind | None = None
    detail: str = ""


def copy_objects(
    wanted: Iterable[StoredObject],
    source: StorageBackend,
    target: StorageBackend,
    present: Present,
    *,
    jobs: int,
) -> Iterator[Copied]:
    """Copy what ``target`` has not, ``jobs`` at a time; each object in the order of ``wanted``.

    ``present`` is what the target lists, and grows. Raises `StorageError` where the target fails;
    a fault of the source is told of the object.
    """
    with ThreadPoolExecutor(jobs, thread_name_prefix="copy") as threads:
        under_way: deque[Future[Copied] | Copied] = deque()
        copied = 0
        try:
            for stored in wanted:
                under_way.append(_begin(stored, source, target, present, threads))
                if len(under_way) > jobs * _AHEAD:
                    done = _end(under_way.popleft(), present)
                    copied += done.anew
                    if done.anew and copied % _SETTLE_EVERY == 0:
                        target.settle(_nothing_to_sync)
                    yield done
            while under_way:
                yield _end(under_way.popleft(), present)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    target.settle(_nothing_to_sync)


def settled(storage: StorageBackend) -> None:
    """Clean up what a killed copy left: every object that it ended is there and is kept."""
    storage.recover()
    storage.hand_over(_let_go)


def _let_go(unsettled: Iterator[Unsettled]) -> None:
    """Whole objects all of them, which the storage lists."""
    for _ in unsettled:
        pass


def _nothing_to_sync() -> None:
    """No index names these objects yet; the storage alone says what there is."""


def _begin(
    stored: StoredObject,
    source: StorageBackend,
    target: StorageBackend,
    present: Present,
    threads: ThreadPoolExecutor,
) -> Future[Copied] | Copied:
    found = present.find(stored.version)
    if found is not None and found[1] == stored.size:
        return Copied(stored=replace(stored, key=found[0]))
    if found is not None:  # of another size: damaged, and in the way
        target.delete(found[0])
    return threads.submit(_copy, stored, source, target)


def _end(begun: Future[Copied] | Copied, present: Present) -> Copied:
    if isinstance(begun, Copied):
        return begun
    done = begun.result()
    if done.fault is None:
        present.add(done.stored.version, done.stored.key, done.stored.size)
    return done


def _copy(stored: StoredObject, source: StorageBackend, target: StorageBackend) -> Copied:
    key = target.key_for(stored.name())
    try:
        with target.begin(key, size=stored.size) as writer:
            fault, detail = what_is_wrong(stored, source, writer.write)
            if fault is None:
                writer.commit()
    finally:
        target.settled(key)
    kept = stored if fault is not None else replace(stored, key=key)
    return Copied(stored=kept, anew=fault is None, fault=fault, detail=detail)


def what_is_wrong(
    stored: StoredObject,
    storage: StorageBackend,
    write: Callable[[memoryview], object] = lambda _: None,
) -> tuple[FindingKind | None, str]:
    """Read an object whole, hand it to ``write`` in pieces, and hold it against its digests.

    What ``write`` raises passes through.
    """
    prefix, dataset, size = hashlib.sha256(), hashlib.sha256(), 0
    try:
        for block in _blocks(storage, stored.key):
            before = block[: max(0, stored.dataset_offset - size)]
            prefix.update(before)
            dataset.update(block[len(before) :])
            size += len(block)
            if size <= stored.size:  # no more than the target has room for
                write(block)
    except _SourceFailed as failed:
        return failed.kind, str(failed)
    if size != stored.size:
        return FindingKind.SIZE, f"{size} bytes, the index has {stored.size}"
    if prefix.hexdigest() != stored.prefix_digest:
        return FindingKind.PREFIX_DIGEST, ""
    if dataset.hexdigest() != stored.dataset_digest:
        return FindingKind.DATASET_DIGEST, ""
    return None, ""


class _SourceFailed(Exception):
    """An object could not be read, which is not to be taken for a target that fails."""

    def __init__(self, error: StorageError) -> None:
        super().__init__(str(error))
        missing = isinstance(error, ObjectNotFound)
        self.kind = FindingKind.MISSING if missing else FindingKind.UNREADABLE


def _blocks(storage: StorageBackend, key: str) -> Iterator[memoryview]:
    """An object in pieces. Raises `_SourceFailed`."""
    try:
        with storage.open(key) as opened:
            while block := opened.read(_BLOCK):
                yield memoryview(block)
    except StorageError as error:
        raise _SourceFailed(error) from error
