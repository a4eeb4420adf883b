"""What is known of one run: rows of `pacs_ai.tables` as plain values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from pacs_framework.errors import PacsError

__all__ = ["NoSuchRun", "Review", "RunRecord", "RunResult", "State", "Verdict"]


class State(StrEnum):
    """What became of a run. It found NOTHING when the model said so, which is no failure; it is
    LOST when its process ended before it.
    """

    RUNNING = "RUNNING"
    DONE = "DONE"
    NOTHING = "NOTHING"
    FAILED = "FAILED"
    REFUSED = "REFUSED"
    CANCELED = "CANCELED"
    LOST = "LOST"

    @property
    def went_well(self) -> bool:
        """Whether the model came to its end, so that nobody has to run it once more."""
        return self in (State.DONE, State.NOTHING)


class Verdict(StrEnum):
    """What a person says of the results of a run."""

    ACCEPTED = "ACCEPTED"
    MODIFIED = "MODIFIED"
    REJECTED = "REJECTED"


class NoSuchRun(PacsError):
    """There is no such run, or no result of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A row of `pacs_ai.tables.run`."""

    id: int
    uid: str
    model: str
    version: str
    runner: str
    digest: str
    study_instance_uid: str
    series_instance_uid: str
    state: State
    reason: str
    log: str
    node: str
    folder: str
    started: dt.datetime
    ended: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """An instance that a run made."""

    sop_class_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a person said of a run."""

    verdict: Verdict
    reviewer: str
    note: str
    made: dt.datetime
