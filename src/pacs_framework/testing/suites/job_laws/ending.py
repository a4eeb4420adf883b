"""Laws about what becomes of jobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pacs_framework.errors import StorageError
from pacs_framework.jobs import (
    JobContext,
    JobFailed,
    JobFilter,
    JobKind,
    JobOrder,
    JobPutOff,
    JobState,
)
from pacs_framework.tables import Pauses
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.suites.job_laws.scene import KIND, JobScene, Opened, put_one

__all__ = ["Ending"]

_QUICK = Pauses(first=0.02, longest=0.1)


class Ending(JobScene, suite=True):
    """Attempts, dead letters, time limits, and what work says of itself."""

    def test_what_fails_is_tried_again_until_it_is_done(self, opened: Opened) -> None:
        """With the same key, and the number of the attempt."""
        seen: list[tuple[str, int]] = []

        def run(context: JobContext) -> str:
            seen.append((context.key, context.attempt))
            if context.attempt < 3:
                raise StorageError("not yet")
            return "at last"

        queue = opened(JobKind(name=KIND, description="", run=run, pauses=_QUICK))
        job = wait_for(queue, put_one(queue, "k"))
        assert seen == [("k", 1), ("k", 2), ("k", 3)]
        assert (job.state, job.result, job.error, job.attempts) == (JobState.DONE, "at last", "", 2)

    def test_the_last_attempt_makes_a_dead_letter(self, opened: Opened) -> None:
        """With its reason; a retry gives it all its attempts again."""
        reasons = ["first", "second", "third", "fourth"]

        def run(context: JobContext) -> None:
            raise StorageError(f"{reasons.pop(0)} in attempt {context.attempt}")

        queue = opened(JobKind(name=KIND, description="", run=run, attempts=2, pauses=_QUICK))
        job = wait_for(queue, put_one(queue))
        assert (job.state, job.error) == (JobState.FAILED, "second in attempt 2")
        assert queue.retry(JobFilter(failed_like="SECOND")) == 1
        job = wait_for(queue, job.id)
        assert (job.state, job.error) == (JobState.FAILED, "fourth in attempt 2")

    def test_no_attempt_follows_a_failure_for_good(self, opened: Opened) -> None:
        """Nor one whose result cannot be kept."""

        def run(context: JobContext) -> object:
            if context.key == "large":
                return "x" * 300_000
            raise JobFailed("the study is gone")

        queue = opened(JobKind(name=KIND, description="", run=run))
        gone, large = (wait_for(queue, put_one(queue, key)) for key in ("gone", "large"))
        assert (gone.state, gone.error) == (JobState.FAILED, "the study is gone")
        assert (large.state, large.attempts) == (JobState.FAILED, 1)
        assert "more than 262144" in large.error

    def test_putting_off_counts_no_attempt(self, opened: Opened) -> None:
        """And the work is done when its time has come."""
        moments = [dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.3)]

        def run(context: JobContext) -> int:
            if moments:
                raise JobPutOff("the window is closed", until=moments.pop())
            return context.attempt

        queue = opened(JobKind(name=KIND, description="", run=run))
        job = wait_for(queue, put_one(queue))
        assert (job.state, job.result, job.attempts) == (JobState.DONE, 1, 0)

    def test_putting_off_the_kind_pauses_it(self, opened: Opened) -> None:
        """Everybody can see until when, and why."""
        until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)

        def run(context: JobContext) -> None:
            raise JobPutOff(f"{context.key} is away", until=until, kind_too=True)

        queue = opened(JobKind(name=KIND, description="", run=run))
        first = put_one(queue, "PACS2")
        with queue.news() as news:
            while not queue.pauses():
                news.wait(60)
        (pause,) = queue.pauses()
        assert (pause.kind, pause.until, pause.reason) == (KIND, until, "PACS2 is away")
        assert wait_for(queue, first, JobState.WAITING).attempts == 0

    def test_work_whose_time_is_over_is_told_and_tried_again(self, opened: Opened) -> None:
        """It ends by itself, and that is a failed attempt."""

        def run(context: JobContext) -> None:
            if context.attempt == 1:
                assert context.cancelled.wait(60)
                context.check()

        kind = JobKind(name=KIND, description="", run=run, time_limit=0.1, pauses=_QUICK)
        queue = opened(kind)
        job = wait_for(queue, put_one(queue))
        assert (job.state, job.attempts) == (JobState.DONE, 1)

    def test_progress_and_log_are_kept_with_the_job(self, opened: Opened) -> None:
        """Of each attempt; what a database does not keep is written otherwise."""

        def run(context: JobContext) -> None:
            context.log(f"attempt {context.attempt} \0 \ud800")
            context.progress(context.attempt, 2, "halves")
            if context.attempt == 1:
                raise StorageError("once more")

        queue = opened(JobKind(name=KIND, description="", run=run, pauses=_QUICK))
        job = wait_for(queue, put_one(queue))
        assert (job.progress.done, job.progress.total, job.progress.note) == (2, 2, "halves")
        lines = queue.log_lines(job.id)
        assert [(each.attempt, each.text) for each in lines] == [
            (1, "attempt 1 \\0 \\ud800"),
            (2, "attempt 2 \\0 \\ud800"),
        ]

    def test_progress_is_seen_while_the_work_goes_on(self, opened: Opened) -> None:
        """By whoever waits for news."""

        def run(context: JobContext) -> None:
            context.progress(1, 3)
            assert context.cancelled.wait(60)
            context.check()

        queue = opened(JobKind(name=KIND, description="", run=run))
        job_id = put_one(queue)
        with queue.news() as news:
            while not ((job := queue.get(job_id)) and job.progress.total):
                news.wait(60)
        assert job.progress.done == 1
        queue.cancel(JobFilter(ids=[job_id]))
        assert wait_for(queue, job_id).state is JobState.CANCELED

    def test_jobs_of_a_lane_are_done_together(self, opened: Opened) -> None:
        """Up to the number of the kind, and each has an end of its own."""
        calls: list[list[str]] = []

        def run_together(contexts: Sequence[JobContext]) -> None:
            calls.append([each.key for each in contexts])
            for context in contexts:
                if context.key == "bad":
                    context.failed("refused", final=True)
                elif context.key != "forgotten" or context.attempt > 1:
                    context.done({"sent": context.key})

        kind = JobKind(
            name=KIND, description="", run_together=run_together, together=3, pauses=_QUICK
        )
        queue = opened(kind)
        keys = ["a", "bad", "forgotten", "b"]
        answers = queue.enqueue([JobOrder(kind=KIND, key=key, lane="study") for key in keys])
        jobs = [wait_for(queue, each.id) for each in answers]
        assert calls[0] == ["a", "bad", "forgotten"]
        states = [(each.state, each.attempts) for each in jobs]
        assert states == [
            (JobState.DONE, 0),
            (JobState.FAILED, 1),
            (JobState.DONE, 1),
            (JobState.DONE, 0),
        ]
