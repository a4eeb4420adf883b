"""The workers that an archive keeps for its models while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_ai.terms import DOOR
from pacs_framework.background import Background

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_ai.running.warm import Workers
    from pacs_ai.settings import AiSettings
    from pacs_framework.archive.archive import Archive

__all__ = ["WorkersEnd", "new_workers", "workers_folder", "workers_of"]

_kept: dict[Path, Workers] = {}
# By their folder. Two hooks are about the same workers: jobs run on them, the background ends them.


def workers_folder(archive: Archive) -> Path:
    """Below which each worker has a folder."""
    return archive.data / DOOR / "workers"


def new_workers(archive: Archive, settings: AiSettings) -> Workers:
    """Workers that are kept as configured; the caller closes them."""
    from pacs_ai.running.warm import Workers  # noqa: PLC0415 - brings NumPy, and most starts run none

    return Workers(workers_folder(archive), most=settings.workers, idle=settings.idle)


def workers_of(archive: Archive, settings: AiSettings) -> Workers:
    """Those of the jobs of ``archive``, which end with it."""
    folder = workers_folder(archive)
    if folder not in _kept:
        _kept[folder] = new_workers(archive, settings)
    return _kept[folder]


class WorkersEnd(Background):
    """Sees to it that workers end with their archive."""

    name = "ai"

    def __init__(self, archive: Archive) -> None:
        self._folder = workers_folder(archive)

    def start(self) -> None:
        """Nothing: a worker is started by the first run of its model."""

    def stop(self) -> None:
        """End those that wait; others end with their runs, which are told to end as well."""
        if (workers := _kept.pop(self._folder, None)) is not None:
            workers.close()
