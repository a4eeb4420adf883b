"""What the commands do: a cycle, or the check of every copy, beside a running archive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pacs_framework.app import App
from pacs_storage_tiered.keeper import do_due, do_task, owe_cycle, work_of
from pacs_storage_tiered.looking import tiered
from pacs_storage_tiered.naming import Key
from pacs_storage_tiered.truth import truth_of
from pacs_storage_tiered.work import is_whole

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.cli.options import ArchiveChoice

__all__ = ["Doing", "Repaired", "working"]


class Repaired(NamedTuple):
    """Numbers of objects: looked at, put right, and those that have to wait."""

    checked: int
    repaired: int
    waiting: int


class Doing:
    """Work on the objects of one archive, in the thread of the caller."""

    def __init__(self, archive: Archive) -> None:
        self._backend = tiered(archive.storage)
        self._truth = truth_of(archive)
        self._work = work_of(archive, self._backend)

    def cycle(self) -> int:
        """Put down what goes to the next tier; the number of objects."""
        return owe_cycle(self._backend)

    def repair(self, study: str, progress: Callable[[int, int], None]) -> Repaired:
        """Look at every copy, of one study or of all, and put right what is not whole."""
        checked = repaired = failed = 0
        left: list[Key] = []
        for key in self._keys(study):
            checked += 1
            if not is_whole(self._backend.tiers, key, self._truth(key)):
                task = self._backend.book.take_repair(key, "found by pacs tiers repair")
                if task is None:
                    left.append(key)
                elif do_task(self._backend, self._work, task):
                    repaired += 1
                else:
                    failed += 1
            progress(checked, checked)
        return Repaired(checked, repaired + self._catch_up(left), failed + self._owed(left))

    def _catch_up(self, left: list[Key]) -> int:
        """What was owed to them before; how many are done."""
        if left:
            self._backend.book.hurry()
            self.all_that_is_due()
        return len(left) - self._owed(left)

    def _owed(self, keys: list[Key]) -> int:
        return sum(self._backend.book.owed(key) is not None for key in keys)

    def _keys(self, study: str) -> Iterator[Key]:
        for stat in self._backend.list():
            key = Key.parse(stat.key)
            if key is not None and (not study or key.study == study):
                yield key

    def all_that_is_due(self) -> tuple[int, int]:
        """How many tasks were done, and how many have to wait."""
        done, waiting = do_due(self._backend, self._work, threading.Event())
        return done, len(waiting)


@contextmanager
def working(choice: ArchiveChoice) -> Iterator[Doing]:
    """Without listener and background work; what is under way in another process stays its own."""
    with App(choice.configured(), listen=False, feed=False) as app:
        yield Doing(app.archive)
