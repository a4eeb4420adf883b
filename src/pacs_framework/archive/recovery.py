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
an object that was replaced           removed
====================================  =========================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.claims import abandoned
from pacs_framework.archive.journal import Pending, read_journal
from pacs_framework.errors import InstanceError, ObjectNotFound, PacsError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["Recovered", "recover"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was found and done: counts of objects and files."""

    half_written: int
    staged: int
    taken_in: int
    removed: int
    replaced: int


def recover(archive: Archive) -> Recovered:
    """Clean up after processes that were killed. Call it at start, before instances come in.

    Raises `IndexUnavailable` and `StorageError`; what could not be done stays for the next start.
    """
    half_written = archive.storage.recover()
    staged = sum(len(list(folder.iterdir())) for folder in abandoned(archive.staging_folder))
    taken_in = removed = 0
    for folder in abandoned(archive.journal_folder):
        for pending in _unnamed(archive, {p.key: p for p in read_journal(folder)}):
            done = _take_in(archive, pending)
            taken_in += done is True
            removed += done is False
    recovered = Recovered(
        half_written=half_written,
        staged=staged,
        taken_in=taken_in,
        removed=removed,
        replaced=_delete_replaced(archive),
    )
    if any((half_written, staged, taken_in, removed, recovered.replaced)):
        _log.info(
            "cleaned up after an unclean stop",
            half_written=half_written,
            staged=staged,
            taken_in=taken_in,
            removed=removed,
            replaced=recovered.replaced,
        )
    return recovered


def _unnamed(archive: Archive, pending: dict[str, Pending]) -> list[Pending]:
    """Those of which the index does not name the object."""
    named = archive.writer.names(pending)
    return [one for key, one in pending.items() if key not in named]


def _take_in(archive: Archive, pending: Pending) -> bool | None:
    """True when the object is in the index now, False when it was removed, None when it is gone."""
    try:
        entry = archive.objects.entry(pending.key, pending.origin)
        if archive.writer.store(entry).keeps_object:
            return True
    except ObjectNotFound:
        return None
    except InstanceError as error:
        _log.info("an unfinished object is removed", key=pending.key, why=type(error).__name__)
    archive.storage.delete(pending.key)
    return False


def _delete_replaced(archive: Archive) -> int:
    """Objects that the index stopped naming; the notes of them go with the next commit."""
    deleted = 0
    for key in archive.lookup.obsolete():
        try:
            archive.storage.delete(key)
        except PacsError as error:
            _log.warning("a replaced object could not be deleted", error=str(error))
        else:
            archive.writer.deleted(key)
            deleted += 1
    return deleted
