"""What a plugin says of a kind of jobs that it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacs_framework.errors import PluginError
from pacs_framework.tables.pauses import Pauses

if TYPE_CHECKING:
    from pacs_framework.jobs.context import JobContext

__all__ = ["JobKind", "Rate"]

_PAUSES = Pauses(first=10.0, longest=600.0)
_NAME = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,98}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most so many jobs begun within any so many seconds, on all nodes together."""

    jobs: int
    seconds: float

    def __post_init__(self) -> None:
        if self.jobs < 1 or self.seconds <= 0:
            raise PluginError(f"a rate of {self.jobs} jobs in {self.seconds} s lets no job run")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """A kind of work, and how it may be done.

    ``name`` is made of small letters, digits, ``.``, ``_`` and ``-``: ``verify``,
    ``routing.send.pacs2``. No two plugins have the same.

    ``run`` does one job: it is called in a thread, with the job, and returns its result (JSON, or
    None). What it raises is a failed attempt, but for `JobFailed` (a dead letter at once),
    `JobPutOff` (later, no attempt) and what comes of a cancellation. It is called *at least once*:
    after a crash again, with the same job, so what it does has to bear repetition; ``context.key``
    and ``context.job.id`` are the same each time.

    ``run_together`` does it instead, for up to ``together`` jobs of one kind and lane that wait
    together, as one association sends what waits of a study. It says of each what became of it, by
    `JobContext.done`, `JobContext.failed` or `JobContext.put_off`; of those left what it raises is
    true, and where it returns they failed.

    ``at_once``: runs at a time on one node; ``everywhere``: on all nodes, 0 for no limit but that.
    ``rate`` limits how many begin. ``attempts``: failed ones until a job is a dead letter, 0 for
    never; ``pauses`` lie between them, and give up by age where they say so. ``time_limit``:
    seconds that one run has, 0 for no limit; when they are over, the context is cancelled, and what
    ends after that in an exception is a failed attempt. Threads cannot be ended, so work has to
    look.

    ``check`` is called with the payload of each order, and raises `JobRefused` for one that makes
    no sense. ``keep``: seconds that jobs that are done or canceled stay to be seen (and their keys
    known); None: as the provider is configured. Dead letters stay until somebody sees to them.

    Raises `PluginError` for what cannot hold.
    """

    name: str
    description: str
    run: Callable[[JobContext], Any] | None = None
    run_together: Callable[[Sequence[JobContext]], None] | None = None
    together: int = 1
    at_once: int = 1
    everywhere: int = 0
    rate: Rate | None = None
    attempts: int = 5
    pauses: Pauses = _PAUSES
    time_limit: float = 0.0
    check: Callable[[Mapping[str, Any]], None] | None = None
    keep: float | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise PluginError(
                f"the name {self.name!r} of a kind of jobs: small letters, digits, '.', '_', '-'"
            )
        if (self.run is None) == (self.run_together is None):
            raise PluginError(f"kind of jobs {self.name!r}: one of run and run_together, not both")
        if self.together < 1 or (self.run is not None and self.together > 1):
            raise PluginError(
                f"kind of jobs {self.name!r}: together is for run_together, from 1 on"
            )
        if self.at_once < 1 or self.everywhere < 0 or self.attempts < 0 or self.time_limit < 0:
            raise PluginError(f"kind of jobs {self.name!r}: a limit is below what makes sense")
