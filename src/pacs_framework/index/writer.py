"""Group commit: many threads store, one of them writes for all.

A thread that stores while nobody writes becomes the leader: it takes the write lock of the archive,
then everything that has queued up by then, and commits it in one transaction. Threads that come in
the meantime wait; when the leader is done, the first of them leads the next batch. So a single
association never waits for another thread, and sixteen of them share one fsync.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
import structlog

from pacs_framework.errors import IndexUnavailable, PacsError
from pacs_framework.index import schema
from pacs_framework.index.database import Database, unavailable
from pacs_framework.index.entry import Entry, Stored
from pacs_framework.index.prepared import Prepared
from pacs_framework.index.recorder import LARGEST_BATCH, Outcome, Recorder
from pacs_framework.index.session import WriteSession

__all__ = ["IndexWriter"]

_log = structlog.get_logger(__name__)


def _nothing() -> None:
    """What happens after a commit when nobody wants to know."""


class IndexWriter:
    """Writes entries into one index, from any number of threads.

    ``on_commit`` is called in the thread of the leader after each committed batch, outside all
    locks; it must not block.
    """

    def __init__(self, database: Database, *, on_commit: Callable[[], None] = _nothing) -> None:
        self._database = database
        self._on_commit = on_commit
        self._session = WriteSession(database)
        self._recorder = Recorder(database.dialect)
        self._delete_obsolete = Prepared(
            sa.delete(schema.obsolete).where(
                schema.obsolete.c.storage_key == sa.bindparam("storage_key")
            ),
            database.dialect,
        )
        self._mutex = threading.Lock()
        self._queue: deque[_Ticket] = deque()
        self._led = False
        self._deleted: deque[str] = deque()

    def store(self, entry: Entry, *, synced: bool = True) -> Stored:
        """Write ``entry`` and its change; returns after the commit.

        With ``synced=False`` the commit is seen by all and has its place in the order, but may be
        lost with the power until `sync` returns, together with those after it. An outcome REPLACED
        is durable in any case: the object that it took out may be deleted at once.

        Raises `DuplicateInstance` where the policy rejects, `IndexUnavailable` when the database
        fails (a caller cannot tell then whether the commit was carried out: ask `names`), and
        `PacsError` for an entry that the database does not take.
        """
        ticket = _Ticket(entry, synced)
        with self._mutex:
            if self._led:
                ticket.wait_for_turn()
            self._led = True
            self._queue.append(ticket)
        if ticket.turn is not None:
            ticket.turn.acquire()
        if ticket.outcome is None:
            self._lead()
        return ticket.answer()

    def sync(self) -> None:
        """Every commit so far, of any process of this archive, is durable when this returns.

        Cheap when nothing was written since the last time. Raises `IndexUnavailable`.
        """
        self._session.sync()

    def names(self, storage_keys: Iterable[str]) -> set[str]:
        """Which of ``storage_keys`` the index names, now that every commit under way has ended.

        Raises `IndexUnavailable`.
        """
        keys = list(storage_keys)
        named: set[str] = set()
        column = schema.instance.c.storage_key
        if not keys:
            return named
        with self._database.writing() as connection:
            for start in range(0, len(keys), LARGEST_BATCH):
                some = keys[start : start + LARGEST_BATCH]
                named.update(connection.scalars(sa.select(column).where(column.in_(some))))
        return named

    def deleted(self, storage_key: str) -> None:
        """A superseded object is gone: its note goes with the next batch, not on its own."""
        self._deleted.append(storage_key)

    def close(self) -> None:
        """Give back the connection. No `store` may be under way."""
        self._session.close()

    def _lead(self) -> None:
        """Write one batch, wake those it was written for, and appoint the next leader."""
        batch: list[_Ticket] = []
        try:
            with self._database.write_lock:
                self._session.wait()
                batch = self._take()
                self._write(batch)
        except BaseException as error:
            batch = batch or self._take()
            _fail(batch, error)
            # Without its message, which may quote values of a patient.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("the index writer failed", error=type(error).__name__, where=where)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._mutex:
                following = self._queue[0] if self._queue else None
                self._led = following is not None
            for ticket in batch[1:]:
                ticket.has_turn()
            if following is not None:
                following.has_turn()
        self._on_commit()

    def _take(self) -> list[_Ticket]:
        """The head of the queue, up to a second entry of one SOP Instance UID."""
        batch: list[_Ticket] = []
        uids: set[str] = set()
        with self._mutex:
            while self._queue and len(batch) < LARGEST_BATCH:
                uid = self._queue[0].entry.attributes["SOPInstanceUID"]
                if uid in uids:
                    break
                uids.add(uid)
                batch.append(self._queue.popleft())
        return batch

    def _write(self, batch: Sequence[_Ticket]) -> None:
        """Give every ticket its outcome: together, else once more from scratch, else one by one."""
        for _ in range(2):
            try:
                self._settle(batch)
            except IndexUnavailable as error:
                # Committed, but not durable: trying again would find the entries there.
                _fail(batch, error)
                return
            except self._session.errors as error:
                # A remembered parent may be gone, or the connection broken: both are mended now.
                failure = error
            else:
                return
        _log.warning("a batch failed", entries=len(batch), error=type(failure).__name__)
        if len(batch) == 1 or isinstance(failure, self._session.outages):
            _fail(batch, self._session.explain(failure))
            return
        for ticket in batch:
            self._write([ticket])

    def _settle(self, batch: Sequence[_Ticket]) -> None:
        """One transaction for the whole batch."""
        deleted = [self._deleted.popleft() for _ in range(len(self._deleted))]
        try:
            cursor = self._session.begin()
            try:
                outcomes = self._recorder.record(cursor, [ticket.entry for ticket in batch])
                self._delete_obsolete.run_many(cursor, [{"storage_key": key} for key in deleted])
            except BaseException:
                self._session.abandon()
                raise
            self._session.commit(synced=_must_be_durable(batch, outcomes))
        except BaseException:
            self._recorder.forget()
            self._deleted.extend(deleted)
            raise
        for ticket, outcome in zip(batch, outcomes, strict=True):
            ticket.outcome = outcome


class _Ticket:
    """An entry in the queue. Whoever waits has its turn when it is written, or when it is to lead.

    The first in the queue when nobody leads is the leader at once, and has no ``turn``.
    """

    __slots__ = ("entry", "outcome", "synced", "turn")

    def __init__(self, entry: Entry, synced: bool) -> None:
        self.entry = entry
        self.synced = synced
        self.outcome: Outcome | PacsError | None = None
        self.turn: threading.Lock | None = None

    def wait_for_turn(self) -> None:
        """Make `turn` a lock that is taken; call it before anyone else knows the ticket."""
        self.turn = threading.Lock()
        self.turn.acquire()

    def has_turn(self) -> None:
        """Wake the one who waits."""
        if self.turn is not None:
            self.turn.release()

    def answer(self) -> Stored:
        """What `IndexWriter.store` returns or raises."""
        assert self.outcome is not None
        if isinstance(self.outcome, PacsError):
            raise self.outcome
        return self.outcome


def _must_be_durable(batch: Iterable[_Ticket], outcomes: Iterable[Outcome]) -> bool:
    """Whether somebody asks for it, or an object is to be deleted on the strength of the commit."""
    for ticket, outcome in zip(batch, outcomes, strict=True):
        if ticket.synced:
            return True
        if isinstance(outcome, Stored) and outcome.superseded_key is not None:
            return True
    return False


def _fail(batch: Iterable[_Ticket], error: BaseException) -> None:
    """Every ticket that has no outcome gets the error, as one of the tree."""
    for ticket in batch:
        if ticket.outcome is None:
            ticket.outcome = error if isinstance(error, PacsError) else unavailable(error)
