"""Doing jobs: one thread that takes them and writes down what became of them, and one for each run.

The one thread alone writes: the ends of some jobs and the beginning of others share a transaction,
and so a sync. What is said of jobs whose run goes on with others is written now and then. The
thread waits for whatever comes first: a run that has ended, news from elsewhere, a job that is due.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.claims import Claim, abandoned, living
from pacs_framework.background import Background, keep_on
from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.jobs import JobState
from pacs_framework.tables import now
from pacs_framework.waking import Waker
from pacs_jobs.bells import FOLDER, hearing
from pacs_jobs.book import Book, Round
from pacs_jobs.crew import Crew
from pacs_jobs.ending import LATE

if TYPE_CHECKING:
    from pacs_framework.jobs import JobKind
    from pacs_jobs.ending import End, Ended
    from pacs_jobs.queue import TableQueue
    from pacs_jobs.settings import JobsSettings, KindLimits

__all__ = ["Worker", "limited"]

_PAUSE = 0.5  # seconds between two times that it is written down how far runs are that go on
_RENEWALS = 3  # in a lease, so that one that fails does no harm
_AT_MOST = 0.5  # seconds of work without a look at anything else
_SHORTEST = 0.005  # seconds, where what is due has to wait for the clock

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class _Block:
    """All that could be begun of a kind was, before there was no more room.

    What is left waits for a lane, a limit or a pause: until ``again``, for news, or for the end of
    a run. Each that has ``ended`` since lets one begin at most, so nobody looks for more.
    """

    again: dt.datetime | None
    ended: int = 0

    @property
    def is_over(self) -> bool:
        """Whether its time has come."""
        return self.again is not None and self.again <= now()

    def took(self, runs: int) -> None:
        """So many were begun in the place of those that have ended."""
        self.ended = max(0, self.ended - runs)


class Worker(Background):
    """Does the jobs of ``queue`` on this node."""

    name = "jobs"

    def __init__(self, queue: TableQueue, settings: JobsSettings) -> None:
        self._queue = queue
        self._settings = settings
        self._folder = queue.data / FOLDER
        self._shared = queue.store.is_postgresql
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._hearing: Waker | None = None
        self._renewed = 0.0
        self._told = 0.0
        self._blocked: dict[str, _Block] = {}
        self._forget: dt.datetime | None = None

    def start(self) -> None:
        """Begin, with what a process left that died here. Raises `ConfigurationError` for limits
        that do not fit the kinds of jobs that there are.
        """
        assert self._queue.kinds is not None, "an archive knows its kinds"
        limits = self._settings.limits
        _check_known(limits, {kind.name for kind in self._queue.kinds})
        kinds = {kind.name: limited(kind, limits.get(kind.name)) for kind in self._queue.kinds}
        self._claim = Claim(self._folder)
        self._alarm = Waker()
        self._crew = Crew(kinds, self._alarm.ring)
        self._book = Book(
            self._queue.store,
            self._queue.bells,
            kinds,
            owner=self._claim.folder.name,
            name=f"{socket.gethostname()} {os.getpid()}",
            lease=self._settings.lease,
            keep=self._settings.keep,
        )
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell what runs to end, and wait a while; what does not is taken up by whoever is next."""
        if self._thread is None:  # it could not be started
            return
        self._stopping.set()
        self._alarm.ring()
        self._thread.join()
        left = self._crew.stop(self._settings.stop_seconds)
        for run in left:
            _log.warning("a job does not end, and is done again", job=run.contexts[0].job.id)
        try:
            self._write(Round())
        except PacsError as error:
            _log.warning("jobs are done again that were ended by this stop", cause=str(error))
        self._drop_hearing()
        if not left:  # else its lock is held as long as this process lives
            self._claim.close()
            self._alarm.close()

    # --- the thread -----------------------------------------------------------------------------

    def _work(self) -> None:
        keep_on(self._stopping, "jobs", self._turn)

    def _turn(self) -> None:
        """Everything that is due, then the wait for more."""
        try:
            if self._hearing is None:
                # Before the first look, so that nothing comes in between.
                self._hearing = hearing(self._queue.data, self._queue.store)
                self._book.open()
                self._heard()
                self._take_over_here()
            moments = [self._renew(), self._carry_out(), self._tidy()]
            if not self._stopping.is_set():
                self._wait(moments)
        except PacsError:
            self._drop_hearing()
            raise

    def _wait(self, moments: Iterable[float | None]) -> None:
        assert self._hearing is not None, "it was opened by the turn"
        known = [max(seconds, _SHORTEST) for seconds in moments if seconds is not None]
        if self._hearing in self._alarm.wait(min(known, default=None), self._hearing):
            self._heard()

    def _heard(self) -> None:
        """There may be new jobs, an end of what others wait for, or one that was canceled."""
        self._blocked.clear()
        if self._crew:
            self._crew.cancel(self._book.to_end())

    def _drop_hearing(self) -> None:
        heard, self._hearing = self._hearing, None
        if heard is not None:
            heard.close()

    # --- whose jobs are whose -------------------------------------------------------------------

    def _take_over_here(self) -> None:
        """What processes of this machine have left, or where nobody else can be, anybody."""
        for folder in abandoned(self._folder):
            self._tell(self._book.take_over([folder.name]))
        if not self._shared:
            names = [folder.name for folder in living(self._folder)]
            self._tell(self._book.take_over_all_but(names))

    def _renew(self) -> float | None:
        """Keep our leases, look at those of others; seconds until that is to be done again."""
        if not self._shared:
            return None
        seconds = None
        runs = self._crew.runs()
        if runs:
            pause = self._settings.lease / _RENEWALS
            if time.monotonic() - self._renewed >= pause:
                self._crew.lose(self._book.renew(runs))
                self._renewed = time.monotonic()
            seconds = self._renewed + pause - time.monotonic()
        ends = _until(self._book.next_lease_end(runs))
        if ends is not None and ends <= 0:
            self._tell(self._book.take_over_expired(runs))
            ends = _until(self._book.next_lease_end(runs))
        return _sooner(seconds, ends)

    # --- taking and ending ----------------------------------------------------------------------

    def _carry_out(self) -> float | None:
        """Write down and take until there is nothing to; seconds until there is again.

        Not for ever: leases are to be kept, and cancellations heard, also while jobs never end.
        """
        enough = time.monotonic() + _AT_MOST
        while True:
            due = self._crew.expire()
            for kind in self._crew.newly_over():
                if kind in self._blocked:
                    self._blocked[kind].ended += 1
            room = {} if self._stopping.is_set() else self._room()
            looks = self._looks(room)
            wanted = {kind: room[kind] for kind, at in looks.items() if at <= now()}
            if not self._write(Round(wanted=wanted)):
                break
            if time.monotonic() >= enough:
                return 0.0
        later = [_until(at) for at in looks.values()]
        telling = self._told + _PAUSE - time.monotonic() if self._crew.has_news() else None
        return _sooner(due, *later, telling)

    def _room(self) -> dict[str, int]:
        """How many runs to look for: of a kind of which none was left, as many as have ended."""
        room = self._crew.room()
        for kind, block in self._blocked.items():
            if kind in room and not block.is_over and block.ended:
                room[kind] = min(room[kind], block.ended)
        return room

    def _looks(self, room: dict[str, int]) -> dict[str, dt.datetime]:
        """When to look for jobs of the kinds that there is room for."""
        found: dict[str, dt.datetime] = {}
        for kind, due in self._book.first_due().items() if room else ():
            block = self._blocked.get(kind)
            again = due if block is None or block.ended else block.again
            if kind in room and again is not None:
                found[kind] = max(due, again)
        return found

    def _write(self, turn: Round) -> bool:
        """One transaction, if there is anything to write; whether there was."""
        soon = not self._stopping.is_set() and time.monotonic() < self._told + _PAUSE
        self._crew.collect(turn, whole_runs=soon)
        if turn.is_empty:
            return False
        try:
            self._book.carry_out(turn)
        except BaseException:
            self._crew.give_back()
            raise
        if not soon:
            self._told = time.monotonic()
        self._crew.written(turn)
        self._tell(turn.ended)
        self._tell_late(turn.late)
        if turn.ended:
            self._forget = None  # one of them may be the first
        for kind, taken in turn.taken.items():
            if len(taken.runs) < turn.wanted[kind]:
                self._blocked[kind] = _Block(again=taken.again)
            elif kind in self._blocked:
                self._blocked[kind].took(len(taken.runs))
            for claimed in taken.runs:
                self._crew.begin(kind, claimed)
        return True

    def _tidy(self) -> float | None:
        """Delete what has been over for long enough; seconds until the next one has."""
        if self._forget is None or self._forget <= now():
            self._forget = self._book.forget()
        return _until(self._forget)

    @staticmethod
    def _tell(ended: Iterable[Ended]) -> None:
        for each in ended:
            log = _log.bind(job=str(each.number), kind=each.kind, attempts=each.attempts)
            if each.state is JobState.FAILED:
                log.error("a job is given up", cause=each.error)
            elif each.state is JobState.WAITING and each.attempts:
                log.warning("a job has to be tried again", cause=each.error)
            else:
                log.debug("a job has ended", state=each.state.value)

    @staticmethod
    def _tell_late(late: Iterable[End]) -> None:
        for each in late:
            _log.warning(
                f"an attempt {LATE}",
                job=str(each.number),
                attempt=each.attempt,
                ended=each.ending.name,
                cause=each.error,
            )


def _check_known(limits: Collection[str], kinds: Collection[str]) -> None:
    """A limit that nothing is held to is one that somebody counts on."""
    if unknown := sorted(set(limits) - set(kinds)):
        raise ConfigurationError(
            f'[plugin.jobs.limits."{unknown[0]}"]: no active plugin does jobs of this kind; there '
            f"are {', '.join(sorted(kinds))} (see 'pacs jobs kinds')"
        )


def limited(kind: JobKind, limits: KindLimits | None) -> JobKind:
    """``kind`` with the limits that the configuration has for it.

    Raises `ConfigurationError` for attempts of a kind that is never given up here: its work counts
    them itself, and says with the last one to whom it matters that there is none after it.
    """
    given = {} if limits is None else limits.model_dump(exclude_none=True)
    if not kind.attempts and given.get("attempts"):
        raise ConfigurationError(
            f'[plugin.jobs.limits."{kind.name}"] attempts = {given["attempts"]}: jobs of this kind '
            "are never given up by the queue, and what waits for them would wait for ever; leave "
            "attempts out (the plugin that does them may have a setting of its own)"
        )
    return replace(kind, **given)


def _until(moment: dt.datetime | None) -> float | None:
    return None if moment is None else (moment - now()).total_seconds()


def _sooner(*seconds: float | None) -> float | None:
    return min((each for each in seconds if each is not None), default=None)
