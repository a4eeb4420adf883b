"""What a start does about the processes that did not end well.

Nothing here touches what living processes work on: each holds a lock on what is its own
(`pacs_framework.archive.claims`), so a worker, a node or ``pacs import`` may start at any time.

====================================  =========================================================
left behind by a killed process       what is done
====================================  =========================================================
a half-written object                 removed by the storage backend (`StorageBackend.recover`)
a staged file                         removed
an object that no row names           taken in, if it is a whole instance that the index has not;
                                      else removed. It was never acknowledged; its sender may
                                      have gone and its bytes are good
a commit of the index that a power    taken in once more, from the objects that the storage
cut took away                         remembers (`StorageBackend.hand_over`); they may have been
                                      acknowledged, so what is no instance is kept, and told
an object whose instance the index    removed, where the object that the index names is there;
has with another one                  else kept, and told: it may be the only copy
an object that was replaced, or       removed, and never taken in again
deleted
====================================  =========================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.claims import abandoned
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.journal import Pending, read_journal
from pacs_framework.archive.sweeping import why_to_leave
from pacs_framework.errors import InstanceError, ObjectNotFound

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.storage import Unsettled

__all__ = ["Recovered", "recover"]

_log = structlog.get_logger(__name__)
_PAGE = 500
_UNKNOWN = Origin(door="recovery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was found and done: counts of objects and files."""

    half_written: int
    staged: int
    taken_in: int
    removed: int
    kept: int
    replaced: int


def recover(archive: Archive) -> Recovered:
    """Clean up after processes that were killed. Call it at start, before instances come in.

    Raises `IndexUnavailable` and `StorageError`; what could not be done stays for the next start.
    """
    half_written = archive.storage.recover()
    staged = sum(len(list(folder.iterdir())) for folder in abandoned(archive.staging_folder))
    intake = _Intake(archive)
    for folder in abandoned(archive.journal_folder):
        intake.take({p.key: p for p in read_journal(folder)})
    archive.storage.hand_over(intake.take_unsettled)
    recovered = Recovered(
        half_written=half_written,
        staged=staged,
        taken_in=intake.taken_in,
        removed=intake.removed,
        kept=intake.kept,
        replaced=archive.deleting.finish()[0],
    )
    counts = asdict(recovered)
    if any(counts.values()):
        _log.info("cleaned up after an unclean stop", **counts)
    return recovered


@dataclass(slots=True)
class _Intake:
    """Takes in what the index does not name, removes it or leaves it, and counts."""

    archive: Archive
    taken_in: int = field(default=0, init=False)
    removed: int = field(default=0, init=False)
    kept: int = field(default=0, init=False)

    def take_unsettled(self, unsettled: Iterator[Unsettled]) -> None:
        """What the storage remembers of a dead process: often all of it is named already."""
        while page := list(islice(unsettled, _PAGE)):
            pending = {u.key: Pending(key=u.key, origin=_origin(u.note)) for u in page}
            self.take(pending, acknowledged=True)

    def take(self, pending: dict[str, Pending], *, acknowledged: bool = False) -> None:
        """On return the index durably holds what was taken in, and what it named before.

        acknowledged
            Somebody may have been told that these are safe.
        """
        named = self.archive.writer.names(pending)
        # In this order: of what is deleted meanwhile, either the note is there or the object gone.
        named |= self.archive.lookup.obsolete_among(pending)
        for key, one in pending.items():
            if key not in named:
                self._take(one, acknowledged=acknowledged)
        self.archive.writer.sync()

    def _take(self, pending: Pending, *, acknowledged: bool) -> None:
        archive = self.archive
        try:
            entry = archive.objects.entry(pending.key, pending.origin)
            if archive.writer.store(entry, synced=False).keeps_object:
                self.taken_in += 1
                return
            detail = why_to_leave(archive, entry.attributes["SOPInstanceUID"])
        except ObjectNotFound:
            return
        except InstanceError as error:
            detail = f"no whole instance: {type(error).__name__}" if acknowledged else ""
        if detail:
            _log.error(
                "an object is kept that is not in the index; see `pacs verify`",
                key=pending.key,
                why=detail,
            )
            self.kept += 1
            return
        _log.info("an unfinished object is removed", key=pending.key)
        archive.storage.delete(pending.key)
        self.removed += 1


def _origin(note: bytes) -> Origin:
    try:
        return Origin.parse(note)
    except ValueError:  # it was too long to be kept
        return _UNKNOWN
