"""The threads that deliver: one for each plugin and peer that is to hear of steps."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pacs_framework.background import keep_on
from pacs_framework.errors import PacsError
from pacs_framework.network.association import outgoing_calls
from pacs_framework.network.wire import Calls
from pacs_framework.tables import Pauses, now
from pacs_mpps.outbox import Delivery, Kind, Outbox

__all__ = ["LEASE", "Courier", "NotDelivered", "Refused", "Route"]

if TYPE_CHECKING:
    Deliver = Callable[[Delivery], None]

LEASE = 120.0  # seconds that a batch stays ours; renewed while we are at it
_BATCH = 64
_GATHER = 0.05  # seconds

_log = structlog.get_logger(__name__)


class NotDelivered(PacsError):
    """The receiver did not take it, and may do so later; ``out_of_reach``: nor anything else."""

    def __init__(self, message: str, *, out_of_reach: bool = False) -> None:
        super().__init__(message)
        self.out_of_reach = out_of_reach


class Refused(PacsError):
    """The receiver will never take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """To whom, and how: ``open`` gives what delivers one row, for the time of a batch.

    That raises `NotDelivered` or `Refused`. ``together`` delivers all of a batch or nothing of it,
    for less; where it fails, they are tried one by one.
    """

    kind: Kind
    receiver: str
    open: Callable[[], AbstractContextManager[Deliver]]
    pauses: Pauses
    together: Callable[[Sequence[Delivery]], None] | None = None


class Courier:
    """Delivers what is due on one route until `stop`."""

    def __init__(self, outbox: Outbox, route: Route, owner: str) -> None:
        self._outbox = outbox
        self._route = route
        self._owner = owner
        self._calls = Calls()
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"mpps {route.kind} {route.receiver}", daemon=True
        )

    def start(self) -> None:
        """Begin, with what is due by now."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something due."""
        self._news.set()

    def stop(self) -> None:
        """End; what is not delivered stays, and is due when its lease is over or released."""
        self._stopping.set()
        self._news.set()
        self._calls.break_off()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        outgoing_calls.set(self._calls)
        route = self._route
        keep_on(self._stopping, "mpps", self._turn, kind=str(route.kind), receiver=route.receiver)

    def _turn(self) -> None:
        self._news.clear()
        if not self._round():
            self._wait()

    def _wait(self) -> None:
        if self._news.wait(self._outbox.pause(self._route.kind, self._route.receiver, LEASE)):
            # What comes in a burst is claimed together: to claim costs more than to deliver.
            self._stopping.wait(_GATHER)

    def _round(self) -> bool:
        """Deliver what is due; whether there was anything."""
        route = self._route
        rows = self._outbox.claim(route.kind, route.receiver, self._owner, _until(), _BATCH)
        if not rows:
            return False
        done = self._delivered_together(rows)
        if done:
            self._outbox.done(done, self._owner)
            return True
        try:
            with route.open() as deliver:
                self._deliver(rows, deliver, done)
        finally:
            self._outbox.done(done, self._owner)
        return True

    def _delivered_together(self, rows: Sequence[Delivery]) -> list[int]:
        """The rows that went all at once; none where this is no such route, or it failed."""
        if self._route.together is None or len(rows) == 1:
            return []
        try:
            self._route.together(rows)
        except PacsError as error:
            self._log().debug("a batch is delivered one by one", cause=str(error))
            return []
        return [row.id for row in rows]

    def _deliver(self, rows: Sequence[Delivery], deliver: Deliver, done: list[int]) -> None:
        claimed = now()
        for place, row in enumerate(rows):
            if self._stopping.is_set():
                return
            late = (now() - claimed).total_seconds() > LEASE / 4
            if late and not self._outbox.still_owned(row.id, self._owner, _until()):
                continue
            try:
                deliver(row)
            except Refused as error:
                self._put_off(row, error, None)
            except NotDelivered as error:
                if self._stopping.is_set():
                    return  # our own doing
                left = rows[place:] if error.out_of_reach else [row]
                for each in left:
                    self._put_off(each, error, self._next_attempt(each))
                if error.out_of_reach:
                    return
            else:
                done.append(row.id)

    def _next_attempt(self, row: Delivery) -> dt.datetime | None:
        pauses = self._route.pauses
        return None if pauses.gives_up(row.created) else pauses.until(row.attempts)

    def _put_off(self, row: Delivery, error: PacsError, until: dt.datetime | None) -> None:
        self._outbox.put_off(row.id, self._owner, str(error), until)
        self._log().warning(
            "not delivered" if until else "not delivered, given up",
            step_event=row.event,
            uid=row.lane,
            attempts=row.attempts + 1,
            cause=str(error),
        )

    def _log(self) -> structlog.stdlib.BoundLogger:
        bound: structlog.stdlib.BoundLogger = _log.bind(
            kind=str(self._route.kind), receiver=self._route.receiver
        )
        return bound


def _until() -> dt.datetime:
    return now() + dt.timedelta(seconds=LEASE)
