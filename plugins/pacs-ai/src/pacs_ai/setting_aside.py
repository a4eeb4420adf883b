"""What a run made that is not stored, kept for whoever wants to know why."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import structlog

from pacs_ai.exchange import STUDY, VOLUME, VOXELS
from pacs_ai.running.by_image import VARIABLES
from pacs_ai.running.engine import ENDING
from pacs_ai.terms import DOOR

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_ai.book import RunRecord
    from pacs_ai.running.runner import Work
    from pacs_framework.archive.archive import Archive

__all__ = ["has_left", "refused_folder", "set_aside"]

_REFUSED = "refused"
_REASON, _LOG = "reason.txt", "log.txt"
_NOTHING_LEFT = frozenset({VOXELS, VOLUME, STUDY, "input", "work", VARIABLES, ENDING})
"""Of the folder of a run: what the archive has anyway."""

_log = structlog.get_logger(__name__)


def has_left(work: Work) -> bool:
    """Whether there is anything to look at, of a run that failed before it came to results."""
    left = (each for each in work.folder.iterdir() if each.name not in _NOTHING_LEFT)
    return any(each.is_file() or any(each.iterdir()) for each in left)


def set_aside(archive: Archive, work: Work, reason: str, *, keep: int) -> None:
    """Move what a run made to where it can be looked at, unless ``keep`` is 0; the newest ``keep``
    stay. The run is over, so that this cannot be done is logged alone.
    """
    if not keep:
        return
    try:
        _move(archive.data / DOOR / _REFUSED, work, reason, keep)
    except OSError as error:
        _log.warning("what a run made is not kept", run=work.uid, cause=str(error))


def _move(parent: Path, work: Work, reason: str, keep: int) -> None:
    parent.mkdir(parents=True, exist_ok=True)
    place = parent / work.uid
    place.mkdir(mode=0o750)
    for each in list(work.folder.iterdir()):
        if each.name not in _NOTHING_LEFT:
            each.rename(place / each.name)
    (place / _REASON).write_text(reason + "\n", "utf-8")
    (place / _LOG).write_text(work.said.text + "\n", "utf-8")
    kept = sorted(parent.iterdir(), key=lambda each: each.stat().st_mtime_ns)
    for old in kept[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def refused_folder(archive: Archive, record: RunRecord) -> Path | None:
    """Where what a run made, and what was not stored, is kept, if it is."""
    place = archive.data / DOOR / _REFUSED / record.uid
    return place if place.is_dir() else None
