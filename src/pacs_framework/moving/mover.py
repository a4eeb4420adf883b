"""Studies taken over one after the other, or some at a time, each compared when it has come."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import PacsError
from pacs_framework.moving.ledger import Entry
from pacs_framework.moving.one_study import take_over
from pacs_framework.moving.pace import Pace

if TYPE_CHECKING:
    from pacs_framework.moving.ledger import Ledger
    from pacs_framework.moving.old_archive import FoundStudy, OldArchive
    from pacs_framework.moving.one_study import Here, Transfer

__all__ = ["Mover"]

_log = structlog.get_logger(__name__)
_LONGEST_DELAY = 300.0  # seconds


@dataclass(slots=True, kw_only=True)
class Mover:
    """How studies of ``peer`` are taken over: by ``transfer``, some ``at_once``, at a ``pace``.

    A study that fails is tried ``retries`` times more, ``delay`` seconds after the first failure
    and twice as long after each other one. ``ledger`` keeps what became of each.
    """

    peer: OldArchive
    here: Here
    transfer: Transfer
    ledger: Ledger
    at_once: int = 1
    pace: Pace = field(default_factory=Pace)
    retries: int = 3
    delay: float = 5.0
    _stop: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self, studies: Sequence[FoundStudy]) -> Iterator[Entry]:
        """Take over ``studies``; what became of each, as they end.

        Raises OSError where the ledger cannot be written. When the iterator is closed, what is
        under way is broken off.
        """
        threads = ThreadPoolExecutor(self.at_once, thread_name_prefix="move")
        try:
            futures = [threads.submit(self._study, study) for study in studies]
            for future in as_completed(futures):
                entry = future.result()
                if entry is not None:
                    yield entry
        finally:
            self._stop.set()
            self.peer.stop()
            threads.shutdown(wait=True, cancel_futures=True)

    def _study(self, study: FoundStudy) -> Entry | None:
        """Try until it is there; None where that was stopped."""
        attempt, delay = 0, self.delay
        while True:
            attempt += 1
            if not self.pace.wait(self._stop):
                return None
            entry = self._attempt(study, attempt)
            if self._stop.is_set():
                return None
            if entry.done or attempt > self.retries:
                self.ledger.put(entry)
                return entry
            _log.warning("a study will be tried again", study=study.uid, error=entry.error)
            if self._stop.wait(min(delay, _LONGEST_DELAY)):
                return None
            delay *= 2

    def _attempt(self, study: FoundStudy, attempt: int) -> Entry:
        try:
            taken = take_over(study, peer=self.peer, here=self.here, transfer=self.transfer)
        except (PacsError, OSError) as error:
            here = self.here.count_of_study(study.uid)
            return _entry(study, attempt, here, error=str(error))
        self.pace.took(taken.moved)
        return _entry(study, attempt, taken.here, error=taken.error, missing=taken.missing)


def _entry(
    study: FoundStudy, attempt: int, here: int, *, error: str, missing: Sequence[str] = ()
) -> Entry:
    return Entry(
        study=study.uid,
        done=not error,
        there=study.instances,
        here=here,
        attempts=attempt,
        error=error,
        missing=list(missing),
    )
