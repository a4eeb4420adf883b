"""What the tests of work that is done as jobs need: a context without a queue, and waiting."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from typing import Any

from pacs_framework.jobs import Job, JobContext, JobQueue, JobState, Progress, encoded

__all__ = ["RecordedContext", "wait_for"]

_PATIENCE = 60.0  # seconds; a net, not a measurement


class RecordedContext(JobContext):
    """A run of a job that is in no queue; keeps what the work says of itself.

    ``said`` are the progresses, ``lines`` the log; ``outcome`` is what `done`, `failed` or
    `put_off` was told first, as (name, result or reason), None for nothing.
    """

    def __init__(
        self,
        payload: Mapping[str, Any] | None = None,
        *,
        kind: str = "test",
        key: str = "",
        lane: str = "",
        attempts: int = 0,
    ) -> None:
        moment = dt.datetime.now(dt.UTC)
        super().__init__(
            Job(
                id="1",
                kind=kind,
                key=key,
                lane=lane,
                state=JobState.RUNNING,
                priority=0,
                payload=payload or {},
                created=moment,
                due=None,
                started=moment,
                ended=None,
                attempts=attempts,
                error="",
                progress=Progress(),
                result=None,
                runner="test",
                canceling=False,
            )
        )
        self.said: list[Progress] = []
        self.lines: list[str] = []
        self.outcome: tuple[str, object] | None = None

    def progress(self, done: float, total: float = 0.0, note: str = "") -> None:
        """Keep it."""
        self.said.append(Progress(done=done, total=total, note=note))

    def log(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)

    def done(self, result: object = None) -> None:
        """Keep it. Raises `JobRefused` as a queue does."""
        encoded(result, f"the result of a job of kind {self.job.kind!r}")
        self.outcome = self.outcome or ("done", result)

    def failed(self, reason: str, *, final: bool = False) -> None:
        """Keep it."""
        self.outcome = self.outcome or ("failed for good" if final else "failed", reason)

    def put_off(self, reason: str, until: dt.datetime, *, kind_too: bool = False) -> None:
        """Keep it."""
        del until, kind_too
        self.outcome = self.outcome or ("put off", reason)


def wait_for(queue: JobQueue, job_id: str, *states: JobState) -> Job:
    """The job when it is in one of ``states``, or over where none is given.

    Raises AssertionError when that takes a minute, or when there is no such job.
    """
    deadline = time.monotonic() + _PATIENCE
    with queue.news() as news:
        while True:
            news.wait(max(0.0, deadline - time.monotonic()))
            job = queue.get(job_id)
            assert job is not None, f"there is no job {job_id}"
            if job.state in states or (not states and job.state.is_over):
                return job
            assert time.monotonic() < deadline, f"after {_PATIENCE:g} s: {job}"
