"""The event channels that are open in this process, and how they hear of events.

Who makes events rings at the bell of every process beside it that has channels; from other nodes a
notification of PostgreSQL comes. Nobody looks again and again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.archive.claims import Claim
from pacs_framework.background import keep_on
from pacs_framework.errors import IndexUnavailable, PacsError
from pacs_framework.tables import Notices
from pacs_framework.waking import Waker
from pacs_ups.bells import BELL
from pacs_ups.state.standing import NEWS

if TYPE_CHECKING:
    from pacs_framework.tables import TableStore
    from pacs_ups.state.channels import Channels
    from pacs_ups.state.model import Event

__all__ = ["EventChannel", "EventChannels"]

_AT_ONCE = 100


class EventChannel:
    """One channel of an AE: its reports in order, until it is closed."""

    def __init__(self, channels: Channels, number: str, closed: Callable[[str], None]) -> None:
        self._channels = channels
        self._number = number
        self._closed = closed
        self._given: Sequence[int] = ()

    def waiting(self) -> Sequence[Event]:
        """What is to be reported next; what was given before has been."""
        self._channels.told(self._number, self._given)
        found = self._channels.waiting(self._number, _AT_ONCE)
        self._given = [each.id for each in found]
        return [each.event for each in found]

    def close(self) -> None:
        """It is over; what it was not told waits for the AE. What was given last may be told
        twice, to who comes next.
        """
        self._closed(self._number)


class EventChannels:
    """Opens channels; one for each process. Nothing of it runs while none is open."""

    def __init__(self, channels: Channels, store: TableStore, folder: Path) -> None:
        self._channels = channels
        self._store = store
        self._folder = folder
        self._lock = threading.Lock()
        self._rings: dict[str, Callable[[], None]] = {}
        self._over: set[str] = set()
        self._hearing: _Hearing | None = None

    def open(self, aet: str, rung: Callable[[], None]) -> EventChannel:
        """A channel for the reports to ``aet``; ``rung`` is called when there may be some."""
        with self._lock:
            self._close_those_over()
            if self._hearing is None:
                self._hearing = _Hearing(self._folder, self._store, self._heard)
            number = self._channels.open(aet, self._hearing.owner)
            self._rings[number] = rung
            self._hearing.start()
        return EventChannel(self._channels, number, self._close)

    def _heard(self, owner: str) -> None:
        """There is news: ring those whom it is for, or all where nobody can say."""
        try:
            numbers: Iterable[str] = self._channels.with_news(owner)
        except PacsError:
            numbers = list(self._rings)
        for number in numbers:
            rung = self._rings.get(number)
            if rung is not None:
                rung()

    def _close(self, number: str) -> None:
        with self._lock:
            self._rings.pop(number, None)
            self._over.add(number)
            try:
                self._close_those_over()
            finally:
                if not self._rings and self._hearing is not None:
                    self._hearing.close()
                    self._hearing = None

    def _close_those_over(self) -> None:
        """What cannot be closed because the database is away is closed with the next one."""
        for number in list(self._over):
            self._channels.close(number)
            self._over.remove(number)


class _Hearing:
    """A thread that waits for news."""

    def __init__(self, folder: Path, store: TableStore, heard: Callable[[str], None]) -> None:
        self._store = store
        self._heard = heard
        self._claim = Claim(folder)
        self.owner = self._claim.folder.name
        self._bell = Waker(self._claim.folder / BELL)
        self._news: Notices | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to wait, unless it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ups-channels", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread; its channels are closed."""
        self._stopping.set()
        self._bell.ring()
        if self._thread is not None:
            self._thread.join()
        self._drop()
        self._bell.close()
        self._claim.close()

    def _run(self) -> None:
        keep_on(self._stopping, "ups channels", self._turn)

    def _turn(self) -> None:
        if self._store.is_postgresql and self._news is None:
            self._news = Notices(self._store, NEWS)
            self._heard(self.owner)  # of what was told while nobody listened
        try:
            self._bell.wait(None, *([self._news] if self._news else []))
        except IndexUnavailable:
            self._drop()
            raise
        self._heard(self.owner)

    def _drop(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.close()
