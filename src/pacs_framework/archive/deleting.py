"""Deleting instances, series, studies and patients, so that they are gone everywhere or not at all.

One transaction takes the rows out of the index, writes the changes, and puts down which objects are
to go. From its commit on nobody finds the instances; only then their objects are removed. What the
storage does not remove then is tried again, in this process (`pacs_framework.archive.leftovers`)
and at the next start (`Deleting.finish`), which takes nothing of it in again, whatever ended the
process in between. Who has an object open reads on to its end.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.deletions import Deletion, Doomed, Target
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.leftovers import Leftovers
from pacs_framework.archive.object_removal import ObjectRemoval
from pacs_framework.errors import NothingToDelete
from pacs_framework.index.entry import storable
from pacs_framework.index.inventory import Sources, StudyFacts, studies_held
from pacs_framework.index.queries import reading
from pacs_framework.index.removing import (
    DeletionOrder,
    Removing,
    deletions,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pacs_framework.index.database import Database
    from pacs_framework.index.lookup import Lookup
    from pacs_framework.storage import StorageBackend

__all__ = ["Deleting"]

_ORIGIN = Origin(door="archive")

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
        self._removal = ObjectRemoval(database, storage)
        self._lookup = lookup
        self._on_commit = on_commit
        self._leftovers = Leftovers(self._remove_left)
        self._sources = Sources()

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
        many objects were removed; those that could not be are ``left``, and tried again for as
        long as this process runs, then by `finish`.

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
        left = self._removal.remove(keys, progress)
        if left:
            self._leftovers.found()
        return replace(deletion, left=left)

    def finish(self) -> tuple[int, int]:
        """Remove the objects of deletions and replacements that were not completed.

        How many were removed, and how many have to wait. Raises `IndexUnavailable`.
        """
        keys, named = self._left()
        waiting = self._removal.remove(keys)
        if waiting:
            self._leftovers.found()
        return len(keys) - waiting, waiting + named

    def left_one(self) -> None:
        """An object with a note in the index could not be removed: have it tried again."""
        self._leftovers.found()

    def close(self) -> None:
        """Leave what is left to the next start."""
        self._leftovers.close()

    def history(self, limit: int) -> list[Deletion]:
        """The last deletions, newest first. Raises `IndexUnavailable`."""
        with reading(self._database) as connection:
            return deletions(connection, limit)

    def candidates(self, *, with_sources: bool = False) -> list[StudyFacts]:
        """Every study with what decides whether it may go: how much, how old, of what kind.

        Reads all of the index; with sources also the change feed, once in the life of a process,
        and what is new in it later. Raises `IndexUnavailable`.
        """
        sources = self._sources if with_sources else None
        with reading(self._database) as connection:
            return studies_held(connection, sources=sources, consumers=self.consumers)

    def _left(self) -> tuple[list[str], int]:
        """Keys of objects that are to go, and how many more there are that have to stay."""
        keys = self._lookup.obsolete()
        if not keys:
            return [], 0
        named = self._lookup.named(keys)
        if named:
            _log.error("objects that are named are to be deleted, and stay", objects=len(named))
        return [key for key in keys if key not in named], len(named)

    def _remove_left(self, stopping: threading.Event) -> int:
        """How many wait."""
        keys, _ = self._left()
        waiting = self._removal.remove(keys, stopping=stopping)
        if len(keys) > waiting:
            _log.info("objects that were left are removed", objects=len(keys) - waiting)
        return waiting

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
