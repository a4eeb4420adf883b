"""The threads that tell subscribers what waits for them, and delete steps when it is time."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.claims import Claim, abandoned, living
from pacs_framework.background import keep_on
from pacs_framework.errors import PacsError
from pacs_framework.network.association import outgoing_calls
from pacs_framework.network.wire import Calls
from pacs_framework.tables import Pauses, now
from pacs_framework.waking import Waker
from pacs_ups.bells import BELL, FOLDER, channels_of, ring_beside, ring_channels
from pacs_ups.reporting import Line, NotTold, line_to
from pacs_ups.state.outbox import Outbox, Subscriber

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_framework.archive.archive import Archive
    from pacs_ups.settings import UpsSettings
    from pacs_ups.state.channels import Channels
    from pacs_ups.state.steps import Steps
    from pacs_ups.state.subscribing import Subscriptions

__all__ = ["Tellers"]

_THREADS = 4  # so that a peer that does not answer holds up no other
_LEASE = 60.0  # seconds to connect, before those that an answer may take
_GRACE = 0.5  # seconds for a report that is under way at the end
_AT_ONCE = 100
_SHORTEST = 0.02  # seconds, while another thread is about to claim what is due

_log = structlog.get_logger(__name__)


class Tellers:
    """Works on what is due until `stop`; one for each process that listens.

    A subscriber is told by one thread at a time, in order. What a process left that is gone is
    taken over at once when it died beside us, else when its lease is over.
    """

    def __init__(
        self, archive: Archive, outbox: Outbox, channels: Channels, settings: UpsSettings
    ) -> None:
        self._archive = archive
        self._outbox = outbox
        self._channels = channels
        self._settings = settings
        self._folder = archive.data / FOLDER
        self._lease = _LEASE + 2 * settings.report_timeout
        self._alarms: list[Waker] = []

    def start(self, steps: Steps, subscriptions: Subscriptions) -> None:
        """Begin, with the news of the restart and with what a process left that died here."""
        self._steps = steps
        self._stopping = threading.Event()
        with _alone(self._folder):
            first = not any(living(self._folder))
            self._claim = Claim(self._folder)
            self.owner = self._claim.folder.name
            self._take_over()
            if first:
                self._close_forgotten()
                self._outbox.retry()  # who was away may be back
            # No other process may take a subscription yet: it would be told of this restart.
            if first and self._settings.event_reports:
                subscriptions.restarted(self._settings.fallback_aets)
        self._bell = Waker(self._folder / BELL)
        self._alarms = [Waker() for _ in range(_THREADS)]
        self._calls = [Calls() for _ in self._alarms]
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"ups-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End soon; what is not told is due for whoever comes next.

        A report that is under way may still be answered, so that it is not sent twice.
        """
        self._stopping.set()
        self._wake()
        deadline = time.monotonic() + _GRACE
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        for calls in self._calls:
            calls.break_off()
        for thread in self._threads:
            thread.join()
        with ExitStack() as closing:
            closing.callback(self._claim.close)
            closing.callback(self._bell.close)
            for alarm in self._alarms:
                closing.callback(alarm.close)
            self._alarms = []
            self._let_go()

    def ring(self) -> None:
        """Something has changed: look what is due, here and wherever else it may concern."""
        self._wake()
        ring_beside(self._archive.data)

    def _wake(self) -> None:
        for alarm in self._alarms:
            alarm.ring()

    def _until(self) -> dt.datetime:
        return now() + dt.timedelta(seconds=self._lease)

    def _let_go(self) -> None:
        try:
            self._outbox.release(self.owner)
        except PacsError as error:
            _log.warning("reports that were not sent wait for their lease", cause=str(error))

    # --- the threads ------------------------------------------------------------------------

    def _run(self, number: int) -> None:
        outgoing_calls.set(self._calls[number])
        keep_on(self._stopping, "ups", lambda: self._work(number))

    def _work(self, number: int) -> None:
        """What is due, then the wait for more; the first thread also tidies up."""
        while not self._stopping.is_set():
            if number == 0:
                self._take_over()
                self._delete_ended()
            found = self._outbox.claim(self.owner, self._until())
            if found is not None:
                self._tell(found)
            elif number:
                self._alarms[number].wait(self._until_due())
            elif self._bell in self._alarms[0].wait(self._until_due_or_deleted(), self._bell):
                self._wake()

    def _until_due(self) -> float | None:
        seconds = self._outbox.pause(self._lease)
        return None if seconds is None else max(seconds, _SHORTEST)

    def _until_due_or_deleted(self) -> float | None:
        """Seconds until then, or until the next step is to be deleted."""
        ended = self._steps.first_end()
        if ended is None:
            return self._until_due()
        deletion = max((ended + self._kept - now()).total_seconds(), _SHORTEST)
        due = self._until_due()
        return deletion if due is None else min(due, deletion)

    @property
    def _kept(self) -> dt.timedelta:
        return dt.timedelta(seconds=self._settings.keep_ended)

    def _take_over(self) -> None:
        """From processes of this machine that are gone."""
        for folder in abandoned(self._folder):
            self._outbox.release(folder.name)
        for folder in abandoned(channels_of(self._archive.data)):
            self._channels.release(folder.name)
        self._channels.expire(self._oldest())

    def _close_forgotten(self) -> None:
        """Channels that a copy of the database has brought along. On PostgreSQL they may be those
        of another node, and end when nobody takes what waits for them.
        """
        if not self._outbox.is_shared:
            owners = [each.name for each in living(channels_of(self._archive.data))]
            self._channels.keep_only(owners)

    def _oldest(self) -> dt.datetime:
        """What was made before then is given up."""
        return now() - dt.timedelta(seconds=self._settings.give_up_after)

    def _delete_ended(self) -> None:
        gone = self._steps.delete_ended(now() - self._kept)
        if gone:
            _log.info("steps deleted that had ended", steps=gone)

    # --- telling ----------------------------------------------------------------------------

    def _tell(self, found: Subscriber) -> None:
        log = _log.bind(aet=found.aet)
        if not self._outbox.waiting(found.aet, 1):  # given up in the meantime
            self._outbox.finish(found, self.owner)
            return
        if self._is_told_otherwise(found):
            self._outbox.finish(found, self.owner)
            return
        try:
            with line_to(self._archive, found.aet, self._settings.report_timeout) as line:
                told = self._tell_all(found, line)
        except NotTold as error:
            if not self._stopping.is_set():
                log.warning("steps not reported", cause=str(error))
                self._put_off(found, str(error))
            return
        log.info("steps reported", events=told)

    def _is_told_otherwise(self, found: Subscriber) -> bool:
        """By an event channel, when it has one. Who is no peer waits for one, and no longer than
        others wait for their next attempt.
        """
        if self._channels.take_over(found.aet, self.owner):
            ring_channels(self._archive.data)
            return True
        if self._archive.peers.by_aet(found.aet) is not None:
            return False
        dropped = self._outbox.drop(found.aet, self._oldest())
        if dropped:
            _log.warning("reports given up", aet=found.aet, events=dropped)
        return True

    def _tell_all(self, found: Subscriber, line: Line) -> int:
        """What waits, in order, until nothing does; how much that was."""
        told = 0
        while not self._stopping.is_set():
            waiting = self._outbox.waiting(found.aet, _AT_ONCE)
            if not waiting:
                self._outbox.finish(found, self.owner)
                break
            for each in waiting:
                # Before it is sent, so that nobody else sends it too.
                mine = self._outbox.renew(found.aet, self.owner, self._until())
                if self._stopping.is_set() or not mine:
                    return told
                line.tell(each.event)
                told += 1
                if not self._outbox.told(found.aet, self.owner, each.id, self._until()):
                    return told
        return told

    def _put_off(self, found: Subscriber, error: str) -> None:
        settings = self._settings
        dropped = self._outbox.drop(found.aet, self._oldest())
        if dropped:
            _log.warning("reports given up", aet=found.aet, events=dropped)
        pauses = Pauses(first=settings.retry_first, longest=settings.retry_longest)
        self._outbox.put_off(found.aet, self.owner, error, pauses.until(found.attempts))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process of this machine at a time, so that one of those that start is the first."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "start", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
