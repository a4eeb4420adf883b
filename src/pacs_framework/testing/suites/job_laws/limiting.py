"""Laws about order and limits."""

from __future__ import annotations

import threading
import time

from pacs_framework.jobs import JobContext, JobFilter, JobKind, JobOrder, JobState, Rate
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.suites.job_laws.scene import KIND, JobScene, Opened, Work, put_one

__all__ = ["Limiting"]


class Limiting(JobScene, suite=True):
    """Priority, lanes, how many at once, how many in a time."""

    def test_priority_comes_first_then_who_waits_longer(self, opened: Opened, work: Work) -> None:
        """One at a time, in the order of priority and of the orders."""
        queue = opened()
        blocker = put_one(queue, "blocker", wait=True)
        work.wait_until_begun(1)
        orders = [("c", 0), ("low", -5), ("a", 0), ("high", 5), ("b", 0)]
        answers = queue.enqueue(
            [JobOrder(kind=KIND, key=key, priority=priority) for key, priority in orders]
        )
        work.let_go()
        for job_id in (blocker, *(each.id for each in answers)):
            wait_for(queue, job_id)
        assert work.begun == ["blocker", "high", "c", "a", "b", "low"]

    def test_no_more_run_at_once_than_the_kind_allows(self, opened: Opened, work: Work) -> None:
        """On one node."""
        queue = opened(JobKind(name=KIND, description="", run=work, at_once=3))
        answers = [put_one(queue, wait=True) for _ in range(6)]
        work.wait_until_begun(3)
        work.let_go()
        for job_id in answers:
            assert wait_for(queue, job_id).state is JobState.DONE
        assert work.most == 3

    def test_jobs_of_one_lane_never_run_side_by_side(self, opened: Opened) -> None:
        """And those of other lanes do meanwhile."""
        lock = threading.Lock()
        running: list[str] = []
        seen: set[tuple[str, ...]] = set()
        both = threading.Barrier(2)

        def run(context: JobContext) -> None:
            with lock:
                running.append(context.job.lane)
                seen.add(tuple(sorted(running)))
            if context.key in {"a0", "b0"}:
                both.wait(60)  # two lanes at once, or never
            with lock:
                running.remove(context.job.lane)

        queue = opened(JobKind(name=KIND, description="", run=run, at_once=4))
        orders = [
            JobOrder(kind=KIND, key=f"{lane}{n}", lane=lane) for n in range(3) for lane in "ab"
        ]
        for each in queue.enqueue(orders):
            assert wait_for(queue, each.id).state is JobState.DONE
        assert ("a", "b") in seen
        assert not any(each.count(lane) > 1 for each in seen for lane in "ab")

    def test_a_rate_spreads_jobs_over_time(self, opened: Opened, work: Work) -> None:
        """Two in half a second: five take a second at least."""
        rate = Rate(jobs=2, seconds=0.5)
        queue = opened(JobKind(name=KIND, description="", run=work, at_once=5, rate=rate))
        begun = time.monotonic()
        answers = queue.enqueue([JobOrder(kind=KIND) for _ in range(5)])
        for each in answers:
            wait_for(queue, each.id)
        assert time.monotonic() - begun >= 1.0

    def test_ten_thousand_that_wait_hold_up_no_other(self, opened: Opened, work: Work) -> None:
        """A job of higher priority is next, and all can be canceled at once."""
        queue = opened()
        queue.pause(KIND)
        queue.enqueue([JobOrder(kind=KIND, lane=f"lane {n % 50}") for n in range(10_000)])
        urgent = put_one(queue, "urgent", priority=10, wait=True)
        queue.resume(KIND)
        wait_for(queue, urgent, JobState.RUNNING)
        waiting = JobFilter(states=[JobState.WAITING])
        assert queue.cancel(waiting) == 10_000
        work.let_go()
        assert wait_for(queue, urgent).state is JobState.DONE
        counts = {each.state: each.count for each in queue.summary()}
        assert counts == {JobState.CANCELED: 10_000, JobState.DONE: 1}
        assert work.begun == ["urgent"]
