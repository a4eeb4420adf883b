"""What a job is: its state, and what is known of it (PS3.3 C.13.8)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum, StrEnum

__all__ = ["OVER", "Info", "Job", "Priority", "State"]


class State(StrEnum):
    """Execution Status (2100,0020)."""

    PENDING = "PENDING"
    PRINTING = "PRINTING"
    DONE = "DONE"
    FAILURE = "FAILURE"


OVER = frozenset({State.DONE, State.FAILURE})
"""States in which nothing more happens to a job by itself."""


class Info(StrEnum):
    """Execution Status Info (2100,0030): terms of PS3.3 C.13.8.1 and C.13.9.1, and three of our
    own, which the standard leaves room for.
    """

    NORMAL = "NORMAL"
    QUEUED = "QUEUED"
    HELD = "HELD"
    CANCELED = "CANCELED"
    INVALID_PAGE = "INVALID PAGE DES"
    NO_MEMORY = "INSUFFIC MEMORY"
    PRINTER_DOWN = "PRINTER DOWN"
    UNKNOWN = "UNKNOWN"


class Priority(IntEnum):
    """Print Priority (2000,0020), the first to be printed first."""

    HIGH = 0
    MED = 1
    LOW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A print job. Moments are in UTC, ``films`` is how many it has, ``turn`` counts its changes of
    state, ``error`` is why the last attempt failed, of which there were ``attempts``. ``handed`` is
    what outputs were given that are not done with it, as JSON.
    """

    id: int
    uid: str
    printer: str
    originator: str
    label: str
    priority: Priority
    copies: int
    films: int
    state: State
    info: str
    held: bool
    made: dt.datetime
    ended: dt.datetime | None
    turn: int
    attempts: int
    error: str
    due: dt.datetime | None
    owner: str
    handed: str = ""
