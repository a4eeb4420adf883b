"""What is done at times of day: each time a job that waits for its moment.

So what comes next is seen in `pacs jobs list`, survives a restart, and is done once on however many
nodes: the moment is the key of its job.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacs_framework.background import keep_on
from pacs_framework.jobs import JobOrder
from pacs_framework.tables import now
from pacs_framework.waking import Waker

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["Appointment", "Schedule", "moments"]

Payload = Callable[[dt.date], Mapping[str, Any]]
"""What the work of a day is told."""


def moments(times: Sequence[dt.time], at: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The last moment that has come by ``at``, and the next one, by the clock of this machine."""
    today = at.astimezone().date()
    days = (today + dt.timedelta(days=offset) for offset in (-1, 0, 1, 2))
    # Without a zone: what the clock on the wall shows, also on days on which it is changed.
    all_moments = sorted(
        dt.datetime.combine(day, time).astimezone() for day in days for time in times
    )
    return (
        max(moment for moment in all_moments if moment <= at),
        min(moment for moment in all_moments if moment > at),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """Work of ``kind`` at some ``times``; ``name`` tells those of one kind apart.

    ``catches_up``: what was due while no archive ran is done at its start, the last of it.
    """

    kind: str
    times: Sequence[dt.time]
    payload: Payload
    name: str = ""
    catches_up: bool = False

    def orders(self, at: dt.datetime) -> Iterator[JobOrder]:
        """The next one, and the last one where that is made up for."""
        last, upcoming = moments(self.times, at)
        for moment in (last, upcoming) if self.catches_up else (upcoming,):
            yield JobOrder(
                kind=self.kind,
                key=f"{self.name} {moment.isoformat(timespec='minutes')}".strip(),
                payload=self.payload(moment.date()),
                not_before=moment,
            )


class Schedule:
    """Puts in the jobs of ``appointments``, from a thread that sleeps in between."""

    def __init__(self, archive: Archive, appointments: Sequence[Appointment]) -> None:
        self._archive = archive
        self._appointments = appointments
        self._stopping = threading.Event()
        self._waker: Waker | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, where there is anything to do."""
        if not self._appointments:
            return
        self._waker = Waker()
        self._thread = threading.Thread(
            target=keep_on, args=(self._stopping, "fetch schedule", self._turn), name="fetch"
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread; harmless where there is none."""
        self._stopping.set()
        if self._thread is not None and self._waker is not None:
            self._waker.ring()
            self._thread.join()
            self._waker.close()
            self._thread = None

    def _turn(self) -> None:
        at = now()
        orders = [order for each in self._appointments for order in each.orders(at)]
        self._archive.jobs.enqueue(orders)
        upcoming = min(moments(each.times, at)[1] for each in self._appointments)
        assert self._waker is not None
        self._waker.wait((upcoming - now()).total_seconds())
