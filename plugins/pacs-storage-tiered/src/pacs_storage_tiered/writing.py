"""Writing an object to several places at once, until enough of them have it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import PacsError, StorageError
from pacs_framework.storage import ObjectWriter
from pacs_storage_tiered.incoming import Incoming, State
from pacs_storage_tiered.places import refusal

if TYPE_CHECKING:
    from pacs_storage_tiered.book import Book
    from pacs_storage_tiered.naming import Key
    from pacs_storage_tiered.places import Tier
    from pacs_storage_tiered.under_way import UnderWay

__all__ = ["TieredWriter"]

_AHEAD = 8 << 20  # bytes that a place may be behind the sender

_log = structlog.get_logger(__name__)


class TieredWriter(ObjectWriter):
    """Hands everything to each place of ``tier``; raises once too few of them are left.

    A place that is behind by more than ``patience`` seconds when enough others are not is left out.
    """

    def __init__(
        self,
        tier: Tier,
        key: Key,
        size: int | None,
        *,
        patience: float,
        notes: UnderWay,
        book: Book,
    ) -> None:
        self._tier = tier
        self._key = key
        self._patience = patience
        self._notes = notes
        self._book = book
        self._changed = threading.Condition()
        self._ended = False
        answering = [place for place in tier.places if place.writes.lets_through()]
        if len(answering) < tier.needed:
            answering = list(tier.places)
        self._parts = [Incoming(place, key, size, self._changed) for place in answering]
        self._left_out = [place.name for place in tier.places if place not in answering]
        self._noted: Future[None] | None = None
        try:
            self._reach(State.BEGUN)
            self._noted = notes.begin(str(key))
        except BaseException:
            self.abort()
            raise

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """To each place in its own time, some megabytes ahead of a slow one."""
        block = bytes(data)
        for part in self._alive():
            part.write(block)
        self._wait(lambda part: part.unwritten <= _AHEAD, "is too slow")
        self._require_enough()

    def commit(self) -> None:
        """Enough places have it durably; what the others lack is put down durably."""
        self._require_enough()
        assert self._noted is not None
        self._noted.result()
        for part in self._alive():
            part.commit()
        try:
            self._reach(State.COMMITTED)
        except StorageError:
            self.abort()
            raise
        self._ended = True
        self._settle()

    def abort(self) -> None:
        """Nothing stays, or it is put down that something has to go."""
        if self._ended:
            return
        self._ended = True
        for part in self._parts:
            part.undo()
        with self._changed:
            self._changed.wait_for(lambda: all(p.is_idle for p in self._parts), self._patience)
            clean = all(part.state is State.UNDONE for part in self._parts)
        if clean or self._noted is None:
            self._forget()
            return
        # Some place may have it after all, and nobody was told SUCCESS.
        self._owe(lambda: self._book.owe_delete(self._key, "an object that was refused"))

    # --- waiting --------------------------------------------------------------------------------

    def _alive(self) -> list[Incoming]:
        return [part for part in self._parts if part.error is None]

    def _reach(self, state: State) -> None:
        """Wait until enough places are there, then a little for the others; raise if too few."""
        self._wait(lambda part: part.state is state, "has not answered")
        self._require_enough()

    def _wait(self, is_there: Callable[[Incoming], bool], lag: str) -> None:
        """Until each place is there or failed; once enough are, no longer than ``patience``."""

        def enough() -> bool:
            alive = self._alive()
            return len(alive) < self._tier.needed or sum(map(is_there, alive)) >= self._tier.needed

        with self._changed:
            self._changed.wait_for(enough)
            self._changed.wait_for(lambda: all(map(is_there, self._alive())), self._patience)
            late = [part for part in self._alive() if not is_there(part)]
            if len(self._alive()) - len(late) < self._tier.needed:
                return
        for part in late:
            _log.warning("a place is left out", place=part.place.name, cause=lag)
            part.give_up(StorageError(f"place {part.place.name!r} {lag}"))

    def _require_enough(self) -> None:
        if len(self._alive()) >= self._tier.needed:
            return
        errors = {part.place.name: part.error for part in self._parts if part.error is not None}
        raise refusal(errors, self._tier.needed)

    # --- afterwards -----------------------------------------------------------------------------

    def _settle(self) -> None:
        """A copy is missing where a place failed or was left out: repair it in the background."""
        failed = {part.place.name: str(part.error) for part in self._parts if part.error}
        failed |= dict.fromkeys(self._left_out, "left alone after failures")
        if not failed:
            self._forget()
            return
        why = "; ".join(f"{name}: {cause}" for name, cause in sorted(failed.items()))
        self._owe(lambda: self._book.owe_repair(self._key, why))

    def _owe(self, put_down: Callable[[], None]) -> None:
        """Without a note in the tables the one of this process stays, for the next start."""
        try:
            put_down()
        except PacsError as error:
            _log.error(
                "a missing copy could not be put down; the next start will",
                key=str(self._key),
                cause=str(error),
            )
        else:
            self._forget()

    def _forget(self) -> None:
        if self._noted is not None:
            self._notes.end(str(self._key))
