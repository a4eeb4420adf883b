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
from pacs_framework.index.tickets import Call, Ticket, tickets_of

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
        self._queue: deque[Call] = deque()
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
        ticket = Ticket(entry, synced)
        self._put_in(Call((ticket,)))
        return ticket.answer()

    def store_together(
        self, entries: Sequence[Entry], *, synced: bool = True
    ) -> list[Stored | PacsError]:
        """`store` for entries of as many SOP Instance UIDs, all in one commit if they can be.

        For each what `store` returns or raises, in order: one that fails does so alone. Raises
        ValueError where two have one UID, and for more than `LARGEST_BATCH` of them.
        """
        call = Call([Ticket(entry, synced) for entry in entries])
        if not len(set(call.uids)) == len(entries) <= LARGEST_BATCH:
            raise ValueError(f"up to {LARGEST_BATCH} entries are stored together, one of each UID")
        if entries:
            self._put_in(call)
        return [ticket.outcome for ticket in call.tickets if ticket.outcome is not None]

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

    def _put_in(self, call: Call) -> None:
        """Have ``call`` written, by this thread or by the one that leads; returns when it is."""
        with self._mutex:
            if self._led:
                call.wait_for_turn()
            self._led = True
            self._queue.append(call)
        if call.turn is not None:
            call.turn.acquire()
        if not call.is_answered:
            self._lead()

    def _lead(self) -> None:
        """Write one batch, wake those it was written for, and appoint the next leader."""
        batch: list[Call] = []
        try:
            with self._database.write_lock:
                self._session.wait()
                batch = self._take()
                self._write(tickets_of(batch))
        except BaseException as error:
            batch = batch or self._take()
            _fail(tickets_of(batch), error)
            # Without its message, which may quote values of a patient.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("the index writer failed", error=type(error).__name__, where=where)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._mutex:
                following = self._queue[0] if self._queue else None
                self._led = following is not None
            for call in batch[1:]:
                call.has_turn()
            if following is not None:
                following.has_turn()
        self._on_commit()

    def _take(self) -> list[Call]:
        """The head of the queue, up to a second entry of one SOP Instance UID."""
        batch: list[Call] = []
        uids: set[str] = set()
        with self._mutex:
            while self._queue:
                of_next = self._queue[0].uids
                if len(uids) + len(of_next) > LARGEST_BATCH or not uids.isdisjoint(of_next):
                    break
                uids.update(of_next)
                batch.append(self._queue.popleft())
        return batch

    def _write(self, batch: Sequence[Ticket]) -> None:
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

    def _settle(self, batch: Sequence[Ticket]) -> None:
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


def _must_be_durable(batch: Iterable[Ticket], outcomes: Iterable[Outcome]) -> bool:
    """Whether somebody asks for it, or an object is to be deleted on the strength of the commit."""
    for ticket, outcome in zip(batch, outcomes, strict=True):
        if ticket.synced:
            return True
        if isinstance(outcome, Stored) and outcome.superseded_key is not None:
            return True
    return False


def _fail(batch: Iterable[Ticket], error: BaseException) -> None:
    """Every ticket that has no outcome gets the error, as one of the tree."""
    for ticket in batch:
        if ticket.outcome is None:
            ticket.outcome = error if isinstance(error, PacsError) else unavailable(error)
