"""Handing the change feed to its consumers: in order, at least once, each at its own pace.

Every consumer has a thread and a cursor in the index. A change is handed over until the consumer
returns, alone or with the others that wait; then the cursor moves, at least once a second, so after
a crash what was consumed in the last second comes again. A consumer that raises holds up only
itself. A new consumer begins at the end of the feed, at the moment the feed starts.

Nodes that share a PostgreSQL share the consumers: each is served by one node at a time, and goes to
another one when that ends (`pacs_framework.index.tenure`).
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from time import monotonic

import structlog

from pacs_framework.archive.bell import BellListener
from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.errors import ConfigurationError, IndexUnavailable, PacsError
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database
from pacs_framework.index.notifications import CommitListener
from pacs_framework.index.tenure import LEASE, OnlyTenure, ServerTenure, Tenure

__all__ = ["BELL", "ChangeFeed", "Consume"]

Consume = Callable[[Sequence[Change]], None]
"""Takes changes in the order of the feed, one or several; raises what it could not consume."""

BELL = "feed.bell"
_LOCK = "feed.lock"
_BATCH = 256
_GATHER = 0.05  # seconds
_SAVE = 1.0  # seconds at most from the end of a change to its place in the cursor
_PASSED_OVER = 10_000  # changes of no concern to a consumer after which its place is saved too

_log = structlog.get_logger(__name__)


class ChangeFeed:
    """The running feed of one archive; one process runs it for all that share ``data``.

    Those that are ``idle`` lose their cursors: should they be consumers again, they are new ones.
    Not so on PostgreSQL, where another node may serve them, or be about to: there they go on where
    they stopped. ``lease`` is how many seconds a node there may be silent and keep its consumers.
    A failed hand-over is tried again after ``first_delay`` seconds, twice that, and so on up to
    ``longest_delay``; ``holds`` tells for a consumer how many seconds it is to be left alone
    instead, 0 for none. No change is handed over while the last one is still in hand. ``only`` says
    for a consumer which kinds of changes are its concern; without an entry, all are. A consumer is
    handed one change, those in ``several`` all that were read together.
    """

    def __init__(
        self,
        database: Database,
        consumers: Mapping[str, Consume],
        data: Path,
        *,
        idle: Collection[str] = (),
        holds: Mapping[str, Callable[[], float]] | None = None,
        only: Mapping[str, Collection[ChangeKind]] | None = None,
        several: Collection[str] = (),
        first_delay: float = 1.0,
        longest_delay: float = 300.0,
        lease: float = LEASE,
    ) -> None:
        self._database = database
        self._lease = lease
        self._reader = ChangeReader(database)
        self._log = database.commit_log()
        self._consumers = dict(consumers)
        self._idle = idle
        self._holds = holds or {}
        self._only = only or {}
        self._several = frozenset(several)
        self._data = data
        self._delays = (first_delay, longest_delay)
        self._rung = threading.Condition()
        self._rings = 0
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._left_behind = False
        self._tenures: dict[str, Tenure] = {}
        self._bell: BellListener | None = None
        self._nodes = CommitListener(database) if database.is_postgresql else None
        self._lock = -1

    def start(self) -> None:
        """Register every consumer and begin; without consumers, nothing runs.

        Raises `ConfigurationError` when another process runs the feed of the same data folder.
        """
        if not self._database.is_postgresql:
            self._reader.forget(self._idle)
        if not self._consumers:
            return
        self._lock = _only_one(self._data / _LOCK)
        self._bell = BellListener(self._data / BELL)
        for name in self._consumers:
            self._reader.register(name)
            self._tenures[name] = self._new_tenure(name)
        self._run("change-feed bell", self._listen)
        if self._nodes is not None:
            self._run("change-feed nodes", self._listen_to_nodes)
            self._run("change-feed lease", self._keep_lease)
        for name, consume in self._consumers.items():
            portions = _whole if name in self._several else _one_by_one
            consumer = _Consumer(self, name, consume, self._tenures[name], portions)
            self._run(f"change-feed {name}", consumer.run)

    def stop(self, grace: float = 5.0) -> None:
        """Stop every thread; those in the middle of a change have ``grace`` seconds to end."""
        deadline = monotonic() + grace
        self._stopping.set()
        if self._bell is not None:
            self._bell.ring()
            if self._nodes is not None:
                self._nodes.wake()
            for tenure in self._tenures.values():
                tenure.withdraw()
            self._wake()
            for thread in self._threads:
                thread.join(max(0.0, deadline - monotonic()))
            self._left_behind = any(thread.is_alive() for thread in self._threads)
            self._close_tenures()
            self._bell.close()
            os.close(self._lock)
        self._bell = None
        if self._nodes is not None:
            self._nodes.close()
        self._nodes = None
        self._log.close()

    def _new_tenure(self, consumer: str) -> Tenure:
        if self._database.is_postgresql:
            return ServerTenure(self._database, self._reader, consumer, self._lease)
        return OnlyTenure(self._reader, consumer)

    def _close_tenures(self) -> None:
        """One that may still be waited for is left to the end of the process."""
        waiting = {thread.name for thread in self._threads if thread.is_alive()}
        for name, tenure in self._tenures.items():
            if f"change-feed {name}" not in waiting or tenure.held:
                tenure.close()

    def _run(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _listen(self) -> None:
        bell = self._bell
        assert bell is not None
        while not self._stopping.is_set():
            bell.wait()
            self._wake()
            # The first change is handed over at once; those of a burst are read together, or each
            # commit of a busy archive would wake every consumer.
            self._stopping.wait(_GATHER)

    def _listen_to_nodes(self) -> None:
        nodes = self._nodes
        assert nodes is not None
        failures = 0
        while not self.stopping:
            try:
                nodes.wait()
                failures = 0
            except IndexUnavailable as error:
                failures += 1
                _log.warning("other nodes cannot be heard", error=str(error), failures=failures)
                self.pause(failures)
            self._wake()

    def _keep_lease(self) -> None:
        """Give the server signs of life, or it takes this node for dead.

        A consumer that takes long over a change cannot give them itself.
        """
        while not self._stopping.wait(self._lease / 3):
            for name, tenure in self._tenures.items():
                try:
                    tenure.confirm()
                except IndexUnavailable as error:
                    _log.warning("a consumer is lost", consumer=name, error=str(error))
                    self._wake()  # whoever waits for news has to wait for the consumer instead

    def _wake(self) -> None:
        with self._rung:
            self._rings += 1
            self._rung.notify_all()

    def after(self, consumer: str, sequence: int) -> tuple[list[Change], int]:
        """The next changes for ``consumer``, and the place in the feed up to which these are all.

        They are durable: no power cut takes one back and gives its number to another. Raises
        `IndexUnavailable`.
        """
        kinds = self._only.get(consumer)
        if kinds is None:
            changes = self._reader.after(sequence, _BATCH)
            place = changes[-1].sequence if changes else sequence
        else:
            changes, place = self._reader.some_after(sequence, _BATCH, kinds)
        if changes:
            self._log.sync()
        return changes, place

    def save(self, consumer: str, sequence: int) -> None:
        """Note how far ``consumer`` has come. Raises `IndexUnavailable`.

        Not for one that `stop` has left behind: the index is closed by then, and it comes again.
        """
        if not self._left_behind:
            self._tenures[consumer].advance(sequence)

    @property
    def rings(self) -> int:
        """How often there was news so far."""
        return self._rings

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def wait_for_news(self, rings: int, limit: float | None) -> None:
        """Block until there was news after ``rings``, ``limit`` seconds are over, or it stops."""
        with self._rung:
            self._rung.wait_for(lambda: self._rings != rings or self.stopping, limit)

    def pause(self, failures: int) -> None:
        """Block after the n-th failure in a row, or until the feed stops."""
        first, longest = self._delays
        self._stopping.wait(min(longest, first * 2.0 ** min(failures - 1, 32)))

    def hold(self, consumer: str) -> bool:
        """Block while ``consumer`` is to be left alone, or until the feed stops; whether it was."""
        left_alone = self._holds.get(consumer)
        held = False
        while left_alone is not None and not self.stopping and (seconds := left_alone()) > 0:
            held = True
            self._stopping.wait(seconds)
        return held


def _whole(changes: Sequence[Change]) -> Iterable[Sequence[Change]]:
    return (changes,) if changes else ()


def _one_by_one(changes: Sequence[Change]) -> Iterable[Sequence[Change]]:
    return ((change,) for change in changes)


class _Consumer:
    """One consumer on its way through the feed."""

    def __init__(
        self,
        feed: ChangeFeed,
        name: str,
        consume: Consume,
        tenure: Tenure,
        portions: Callable[[Sequence[Change]], Iterable[Sequence[Change]]],
    ) -> None:
        self._feed = feed
        self._name = name
        self._consume = consume
        self._tenure = tenure
        self._portions = portions
        self._cursor = 0
        self._saved = 0
        self._due = inf  # when what is not saved is to be, by the monotonic clock
        self._failures = 0

    def run(self) -> None:
        """Until the feed stops."""
        while not self._feed.stopping:
            rings = self._feed.rings
            try:
                if not self._tenure.held:
                    self._take()
                elif not self._round():
                    self._feed.wait_for_news(rings, self._time_left())
                    self._save_if_due()
            except PacsError as error:
                self._failed("the change feed cannot be read", error)
        with suppress(PacsError):  # what it cannot save comes again
            self._save()

    def _take(self) -> None:
        """Wait until this process is to serve the consumer, and begin where the last one was."""
        cursor = self._tenure.take()
        if cursor is not None:
            self._cursor = self._saved = cursor
            _log.info("consumer served from here", consumer=self._name, cursor=cursor)

    def _round(self) -> bool:
        """Hand over the next few changes; whether there may be more."""
        changes, place = self._feed.after(self._name, self._cursor)
        for portion in self._portions(changes):
            self._feed.hold(self._name)
            if self._feed.stopping or not self._tenure.held:
                return False
            error = self._hand_over(portion)
            if error is not None:
                self._save()
                self._failed("a change was not consumed", error, sequence=portion[0].sequence)
                return True
            self._save_if_due()
        self._pass_over(place)
        return len(changes) == _BATCH

    def _pass_over(self, place: int) -> None:
        """What is of no concern up to ``place`` is done; that alone is seldom worth a write."""
        self._cursor = place
        if place - self._saved >= _PASSED_OVER:
            self._due = monotonic()

    def _hand_over(self, portion: Sequence[Change]) -> Exception | None:
        """One try; what the consumer raised, if it did."""
        try:
            self._consume(portion)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is its own matter
            return error
        self._due = min(self._due, monotonic() + _SAVE)
        self._cursor = portion[-1].sequence
        self._failures = 0
        return None

    def _time_left(self) -> float | None:
        """Seconds until the cursor is to be saved; None where it is."""
        if self._cursor == self._saved or self._due == inf:
            return None
        return max(0.0, self._due - monotonic())

    def _save_if_due(self) -> None:
        if monotonic() >= self._due:
            self._save()

    def _save(self) -> None:
        # What another process has taken over is its own to save.
        if self._cursor != self._saved and self._tenure.held:
            self._feed.save(self._name, self._cursor)
            self._saved, self._due = self._cursor, inf

    def _failed(self, event: str, error: Exception, **context: object) -> None:
        self._failures += 1
        _log.warning(
            event,
            consumer=self._name,
            error=type(error).__name__,
            failures=self._failures,
            **context,
        )
        if not self._feed.hold(self._name):
            self._feed.pause(self._failures)


def _only_one(path: Path) -> int:
    """A lock that one process holds. Raises `ConfigurationError` when another does."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise ConfigurationError(
            f"another process runs the change feed of {str(path.parent)!r}; stop it, "
            f"or give this one a data folder of its own"
        ) from error
    return lock
