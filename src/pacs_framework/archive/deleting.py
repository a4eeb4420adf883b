"""Deleting instances, series, studies and patients, so that they are gone everywhere or not at all.

One transaction takes the rows out of the index, writes the changes, and puts down which objects are
to go. From its commit on nobody finds the instances; only then their objects are removed. Whatever
ends the process in between, the next start removes the rest (`Deleting.finish`) and takes nothing
of it in again. Who has an object open reads on to its end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.deletions import Deletion, Doomed, Target
from pacs_framework.archive.incoming import Origin
from pacs_framework.errors import NothingToDelete, PacsError
from pacs_framework.index.entry import storable
from pacs_framework.index.inventory import StudyFacts, studies_held
from pacs_framework.index.queries import reading
from pacs_framework.index.removing import (
    DeletionOrder,
    Removing,
    deletions,
    forget_obsolete,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pacs_framework.index.database import Database
    from pacs_framework.index.lookup import Lookup
    from pacs_framework.storage import StorageBackend

__all__ = ["Deleting"]

_ORIGIN = Origin(door="archive")
_THREADS = 8  # objects at a time: a delete waits for a disk or for a store far away
_PAGE = 500

_log = structlog.get_logger(__name__)


def _no_progress(_done: int, _total: int) -> None:
    """Nobody watches."""


class Deleting:
    """The deletions of one archive. Safe to use from many threads, processes and nodes.

    ``consumers`` of the change feed are those that have to have seen what goes where that is asked
    for; None for all that ever were. The application sets it.
    """

    consumers: Collection[str] | None = None

    def __init__(
        self,
        database: Database,
        storage: StorageBackend,
        lookup: Lookup,
        on_commit: Callable[[], None],
    ) -> None:
        self._database = database
        self._storage = storage
        self._lookup = lookup
        self._on_commit = on_commit

    def look(self, target: Target) -> Doomed | None:
        """What a deletion would take now; None where nothing is like that.

        Raises `IndexUnavailable`.
        """
        with reading(self._database) as connection:
            return Removing(connection).look(target)

    def delete(
        self,
        target: Target,
        *,
        by: str,
        reason: str,
        origin: Origin = _ORIGIN,
        delivered_only: bool = False,
        idle_since: dt.datetime | None = None,
        progress: Callable[[int, int], None] = _no_progress,
    ) -> Deletion:
        """Delete all that ``target`` means, or nothing of it; durable when it returns.

        ``by`` and ``reason`` are kept with it (`history`). ``delivered_only`` refuses while a
        consumer of the change feed has not seen all that goes, ``idle_since`` (in UTC) where
        something of it came in later than that. ``progress`` is told how many of how
        many objects were removed; those that could not be are ``left`` to `finish`.

        Raises `NothingToDelete`, `DeletionRefused`, `InstanceProtected` and `IndexUnavailable`;
        then nothing was deleted.
        """
        order = DeletionOrder(
            target=target,
            by=storable(by),
            reason=storable(reason),
            origin=origin,
            delivered_only=delivered_only,
            idle_since=idle_since,
        )
        with self._writing() as connection:
            found = Removing(connection, self.consumers).delete(order)
        if found is None:
            raise NothingToDelete("the archive has nothing that is to be deleted; look at the UIDs")
        deletion, keys = found
        _tell(deletion)
        left = self._remove(keys, progress)
        return replace(deletion, left=left)

    def finish(self) -> tuple[int, int]:
        """Remove the objects of deletions and replacements that were not completed.

        How many were removed, and how many have to wait. Raises `IndexUnavailable`.
        """
        keys = self._lookup.obsolete()
        if not keys:
            return 0, 0
        named = self._lookup.named(keys)
        if named:
            _log.error("objects that are named are to be deleted, and stay", objects=len(named))
        keys = [key for key in keys if key not in named]
        left = self._remove(keys, _no_progress) + len(named)
        return len(keys) + len(named) - left, left

    def history(self, limit: int) -> list[Deletion]:
        """The last deletions, newest first. Raises `IndexUnavailable`."""
        with reading(self._database) as connection:
            return deletions(connection, limit)

    def candidates(self, *, with_sources: bool = False) -> list[StudyFacts]:
        """Every study with what decides whether it may go: how much, how old, of what kind.

        Reads all of the index once, with sources also the change feed. Raises `IndexUnavailable`.
        """
        with reading(self._database) as connection:
            return studies_held(connection, with_sources=with_sources, consumers=self.consumers)

    def _remove(self, keys: Sequence[str], progress: Callable[[int, int], None]) -> int:
        """Remove objects that nothing names; how many are left."""
        left = 0
        progress(0, len(keys))
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="delete") as threads:
            for start in range(0, len(keys), _PAGE):
                page = keys[start : start + _PAGE]
                gone: list[str] = []
                answers = zip(page, threads.map(self._is_removed, page), strict=True)
                for done, (key, is_gone) in enumerate(answers, start=start + 1):
                    if is_gone:
                        gone.append(key)
                    progress(done, len(keys))
                left += len(page) - len(gone)
                self._forget(gone)
        return left

    def _is_removed(self, key: str) -> bool:
        try:
            self._storage.delete(key)
        except PacsError as error:
            # The index keeps a note of it; the next start tries again.
            _log.warning("a deleted object is still in the storage", key=key, error=str(error))
            return False
        return True

    def _forget(self, keys: Sequence[str]) -> None:
        try:
            with self._database.writing() as connection:
                forget_obsolete(connection, keys)
        except PacsError as error:  # to remove what is gone does no harm
            _log.warning("what was removed could not be put down", error=str(error))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._database.writing() as connection:
            yield connection
        self._on_commit()


def _tell(deletion: Deletion) -> None:
    """The audit line. Patient and reason are in the index, not in the log."""
    _log.info(
        "instances were deleted",
        number=deletion.number,
        by=deletion.by,
        door=deletion.door,
        **deletion.target.uids,
        by_patient=deletion.target.patient is not None,
        studies=deletion.studies,
        series_count=deletion.series,
        instances=deletion.instances,
        size=deletion.size,
    )
