"""Jobs as they are put in, and as they stand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pacs_framework.jobs.outcomes import JobRefused

__all__ = [
    "LARGEST_PAYLOAD",
    "LONGEST_NAME",
    "Enqueued",
    "Job",
    "JobFilter",
    "JobLogLine",
    "JobOrder",
    "JobState",
    "JobSummary",
    "Pause",
    "Progress",
    "Repeat",
    "encoded",
]

LARGEST_PAYLOAD = 256 << 10
"""Bytes of a payload, and of a result, as JSON in UTF-8."""

LONGEST_NAME = 512
"""Characters of a key and of a lane."""


class JobState(StrEnum):
    """Where a job stands. Waiting ones include those for a later moment or another attempt."""

    WAITING = "waiting"
    HELD = "held"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_over(self) -> bool:
        """Whether nothing happens any more unless somebody retries it."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELED}


class Repeat(StrEnum):
    """What an order means whose key is known already."""

    KEEP = "keep"
    """The job that is there is the one, whatever became of it: this makes work exactly once."""

    POSTPONE = "postpone"
    """One that waits now waits until the order's ``not_before``, if that is later; one that runs or
    is over is followed by a new one. This makes a timer that each piece of news sets anew.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """A job to be done.

    ``payload`` is what its work is told: JSON, at most `LARGEST_PAYLOAD`. ``key`` names the job
    within its kind, for ever or as long as it is kept; an order with a key that is known makes no
    second one (``repeat``). Empty: no job is the same. ``lane`` names what belongs together: jobs
    of one kind and lane are not run side by side. Higher ``priority`` comes first, then who waits
    longer. ``not_before`` is a moment with time zone; a ``held`` job waits until it is released.

    Raises `JobRefused` for what cannot be kept.
    """

    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    lane: str = ""
    priority: int = 0
    not_before: dt.datetime | None = None
    held: bool = False
    repeat: Repeat = Repeat.KEEP

    def __post_init__(self) -> None:
        for name, text in (("key", self.key), ("lane", self.lane)):
            if len(text) > LONGEST_NAME or "\0" in text:
                raise JobRefused(
                    f"the {name} of a job of kind {self.kind!r} is refused: at most {LONGEST_NAME} "
                    "characters, none of them NUL"
                )
        if self.not_before is not None and self.not_before.tzinfo is None:
            raise JobRefused("not_before of a job has no time zone; use datetime.now(UTC)")
        if not -1000 <= self.priority <= 1000:
            raise JobRefused(f"the priority {self.priority!r} is not in -1000 to 1000")
        self.encoded()

    def encoded(self) -> str:
        """The payload as JSON. Raises `JobRefused` where it is none, or too large."""
        if not isinstance(self.payload, Mapping):
            raise JobRefused(f"the payload of a job of kind {self.kind!r} is no JSON object")
        return encoded(dict(self.payload), f"the payload of a job of kind {self.kind!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """What became of an order: the job's ``id``, and whether this order has made it."""

    id: str
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far work has come: ``done`` of ``total`` of whatever it counts, 0 for not known."""

    done: float = 0.0
    total: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands. Moments are in UTC.

    ``due`` is when it may be taken next, None while it is held or over. ``attempts`` counts those
    that failed, ``error`` tells why the last one did, or why the job waits. ``runner`` is the
    process that has it, as host and number. ``canceling``: it is running and is to end.
    """

    id: str
    kind: str
    key: str
    lane: str
    state: JobState
    priority: int
    payload: Mapping[str, Any]
    created: dt.datetime
    due: dt.datetime | None
    started: dt.datetime | None
    ended: dt.datetime | None
    attempts: int
    error: str
    progress: Progress
    result: Any
    runner: str
    canceling: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLogLine:
    """What work wrote down while it ran, in its attempt of this number, from 1 on."""

    at: dt.datetime
    attempt: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs: all that is given has to be so; empty stands for any.

    ``failed_like`` is part of the reason of a dead letter, without regard to case.
    """

    ids: Collection[str] = ()
    kinds: Collection[str] = ()
    states: Collection[JobState] = ()
    key: str = ""
    lane: str = ""
    failed_like: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """How many jobs of a kind are in a state, and since when the oldest of them is there."""

    kind: str
    state: JobState
    count: int
    oldest: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A kind of which no job is begun for now: ``until`` then, or None for until it is resumed."""

    kind: str
    until: dt.datetime | None
    reason: str


def encoded(value: object, what: str) -> str:
    """``value`` as JSON. Raises `JobRefused` where it is none, or is larger than is kept."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        raise JobRefused(f"{what} is no JSON: {type(error).__name__}") from error
    if "\\u0000" in text:
        raise JobRefused(f"{what} holds NUL, which PostgreSQL does not keep")
    if size > LARGEST_PAYLOAD:
        raise JobRefused(
            f"{what} has {size} bytes, more than {LARGEST_PAYLOAD}; store large data as instances "
            "or files, and name them"
        )
    return text
