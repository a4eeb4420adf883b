"""The thread that repairs, moves and deletes in the background."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from pacs_framework.background import Background, keep_on
from pacs_framework.errors import StorageError
from pacs_framework.tables import now
from pacs_framework.waking import Waker
from pacs_storage_tiered.backend import BELL, FOLDER
from pacs_storage_tiered.planning import plan
from pacs_storage_tiered.truth import truth_of
from pacs_storage_tiered.work import Work

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_storage_tiered.backend import TieredBackend
    from pacs_storage_tiered.book import Task

__all__ = ["Keeper", "do_due", "do_task", "owe_cycle", "work_of"]

_OTHERS = 600.0  # seconds

_log = structlog.get_logger(__name__)


class Keeper(Background):
    """Does what is owed when it is due, and looks once in a cycle what goes to the next tier."""

    name = "storage-tiered"

    def __init__(self, archive: Archive, backend: TieredBackend) -> None:
        self._backend = backend
        self._settings = backend.settings
        self._work = work_of(archive, backend)
        self._path = archive.data / FOLDER / BELL
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin with what is owed from before."""
        self._bell = Waker(self._path)
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the object that is being worked on."""
        self._stopping.set()
        self._bell.ring()
        self._thread.join()
        self._bell.close()

    def _run(self) -> None:
        keep_on(self._stopping, self.name, self._turn)

    def _turn(self) -> None:
        cycle = self._cycle()
        do_due(self._backend, self._work, self._stopping)
        self._wait(cycle)

    def _cycle(self) -> float | None:
        """Seconds until the next one; None for never."""
        if not self._settings.cycle or len(self._backend.tiers) == 1:
            return None
        seconds = self._backend.book.claim_cycle(self._settings.cycle)
        if seconds:
            return seconds
        owe_cycle(self._backend)
        return self._settings.cycle

    def _wait(self, cycle: float | None) -> None:
        if self._stopping.is_set():
            return
        due = self._backend.book.next_due()
        seconds = [cycle] if cycle is not None else []
        if self._backend.book.is_shared:
            seconds.append(_OTHERS)  # another node may have died with work that it put down
        if due is not None:
            seconds.append((due - now()).total_seconds())
        self._bell.wait(min(seconds) if seconds else None)


def owe_cycle(backend: TieredBackend) -> int:
    """Put down what is to go to the next tier now; the number of objects."""
    steps = plan(backend)
    for target in {step.target for step in steps}:
        backend.book.owe_moves((step.key for step in steps if step.target == target), target)
    if steps:
        _log.info(
            "objects go to the next tier", objects=len(steps), size=sum(s.size for s in steps)
        )
    return len(steps)


def work_of(archive: Archive, backend: TieredBackend) -> Work:
    """With the index to tell what objects have to be."""
    return Work(
        backend.tiers,
        backend.book,
        truth_of(archive),
        recall_free=backend.settings.recall_free,
    )


def do_due(backend: TieredBackend, work: Work, stopping: threading.Event) -> tuple[int, list[Task]]:
    """Do all that is due: how many were done, and those that have to wait."""
    done = 0
    waiting = []
    while not stopping.is_set() and (task := backend.book.claim()) is not None:
        if do_task(backend, work, task):
            done += 1
        else:
            waiting.append(task)
    return done, waiting


def do_task(backend: TieredBackend, work: Work, task: Task) -> bool:
    """Do one that is claimed; False where it has to wait, which the log and the tables tell."""
    try:
        work.do(task)
    except StorageError as error:
        _log.warning(
            "what an object needs has to wait",
            kind=str(task.kind),
            key=str(task.key),
            cause=str(error),
        )
        backend.book.postpone(task, str(error), backend.settings.retry_after)
        return False
    return True
