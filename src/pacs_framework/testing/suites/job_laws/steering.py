"""Laws about what people do to jobs."""

from __future__ import annotations

from pacs_framework.jobs import JobFilter, JobKind, JobOrder, JobState
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.suites.job_laws.scene import (
    KIND,
    JobScene,
    Opened,
    Work,
    kind_of,
    put_one,
)

__all__ = ["Steering"]


class Steering(JobScene, suite=True):
    """Cancel, hold, release, retry, pause; and finding jobs."""

    def test_a_waiting_job_is_canceled_at_once(self, opened: Opened, work: Work) -> None:
        """It is never begun, and a retry begins it."""
        queue = opened()
        job_id = put_one(queue, "k", held=True)
        which = JobFilter(ids=[job_id])
        assert (queue.cancel(which), queue.cancel(which)) == (1, 0)
        job = queue.get(job_id)
        assert job is not None
        assert (job.state, work.begun) == (JobState.CANCELED, [])
        assert queue.retry(which) == 1
        assert wait_for(queue, job_id).state is JobState.DONE

    def test_a_running_job_is_told_to_end(self, opened: Opened, work: Work) -> None:
        """And is canceled when it has; no attempt follows."""
        queue = opened()
        job_id = put_one(queue, wait=True)
        work.wait_until_begun(1)
        assert queue.cancel(JobFilter(kinds=[KIND])) == 1
        job = wait_for(queue, job_id)
        assert (job.state, job.attempts, len(work.begun)) == (JobState.CANCELED, 0, 1)

    def test_a_cancellation_that_came_too_late_changes_nothing(self, opened: Opened) -> None:
        """What is done is done."""
        queue = opened()
        job_id = put_one(queue, result=7)
        wait_for(queue, job_id)
        assert queue.cancel(JobFilter(ids=[job_id])) == 0
        job = queue.get(job_id)
        assert job is not None
        assert (job.state, job.result) == (JobState.DONE, 7)

    def test_a_held_job_waits_for_its_release(self, opened: Opened, work: Work) -> None:
        """Held as it is put in, or later."""
        queue = opened()
        queue.pause(KIND)
        first = put_one(queue, "first")
        assert queue.hold(JobFilter(ids=[first])) == 1
        second = put_one(queue, "second", held=True)
        queue.resume(KIND)
        wait_for(queue, put_one(queue, "third"))
        assert work.begun == ["third"]
        assert queue.release(JobFilter(states=[JobState.HELD])) == 2
        for job_id in (first, second):
            assert wait_for(queue, job_id).state is JobState.DONE

    def test_a_paused_kind_is_not_begun(self, opened: Opened, work: Work) -> None:
        """Until it is resumed, which is false where it was not paused; other kinds go on."""
        other = JobKind(name="other", description="", run=lambda context: context.key)
        queue = opened(kind_of(work), other)
        queue.pause(KIND, reason="backup")
        assert [(each.kind, each.until, each.reason) for each in queue.pauses()] == [
            (KIND, None, "backup")
        ]
        job_id = put_one(queue)
        for _ in range(3):
            (enqueued,) = queue.enqueue([JobOrder(kind="other")])
            wait_for(queue, enqueued.id)
        assert work.begun == []
        assert (queue.resume(KIND), queue.resume(KIND), queue.pauses()) == (True, False, [])
        assert wait_for(queue, job_id).state is JobState.DONE

    def test_ids_that_are_none_name_no_job(self, opened: Opened) -> None:
        """Whatever somebody types, or sends."""
        queue = opened()
        put_one(queue, held=True)
        for bad in ("0", "17x", "-1", "9" * 30, "", "\uff11", "\0"):
            assert queue.get(bad) is None
            assert queue.find(JobFilter(ids=[bad])) == []
            assert queue.cancel(JobFilter(ids=[bad])) == 0

    def test_jobs_are_found_page_by_page(self, opened: Opened) -> None:
        """The newest first; nothing is there twice or not at all."""
        queue = opened()
        orders = [JobOrder(kind=KIND, key=f"k{n}", lane="l", held=True) for n in range(5)]
        queue.enqueue([*orders, JobOrder(kind=KIND, held=True)])
        found = queue.find(JobFilter(lane="l"), most=3)
        rest = queue.find(JobFilter(lane="l"), most=3, after=found[-1].id)
        assert sorted(job.key for job in (*found, *rest)) == [f"k{n}" for n in range(5)]
        assert [len(found), len(rest)] == [3, 2]
        assert [job.key for job in queue.find(JobFilter(key="k3"))] == ["k3"]
