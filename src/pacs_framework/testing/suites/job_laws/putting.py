"""Laws about putting jobs in."""

from __future__ import annotations

import datetime as dt

import pytest

from pacs_framework.jobs import (
    JobFilter,
    JobKind,
    JobOrder,
    JobRefused,
    JobState,
    Repeat,
)
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.suites.job_laws.scene import KIND, JobScene, Opened, Work, put_one

__all__ = ["Putting"]


def _later(seconds: float = 3600.0) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)


class Putting(JobScene, suite=True):
    """Orders make jobs, once by key, or are refused."""

    def test_a_job_is_done_and_its_result_is_kept(self, opened: Opened) -> None:
        """What the work returns is read back as it was."""
        queue = opened()
        result = {"ä": [1, None, {"x": 2.5}]}
        job = wait_for(queue, put_one(queue, "k", result=result))
        assert (job.state, job.result, job.key, job.attempts) == (JobState.DONE, result, "k", 0)

    def test_a_key_makes_one_job(self, opened: Opened, work: Work) -> None:
        """The same key again, also in one call and after the end, is the same job."""
        queue = opened()
        order = JobOrder(kind=KIND, key="same")
        first = queue.enqueue([order, order, JobOrder(kind=KIND)])
        assert [each.new for each in first] == [True, False, True]
        assert first[0].id == first[1].id != first[2].id
        for each in first:
            wait_for(queue, each.id)
        (again,) = queue.enqueue([order])
        assert (again.id, again.new) == (first[0].id, False)
        assert sorted(work.begun) == ["", "same"]

    def test_answers_come_in_the_order_of_the_orders(self, opened: Opened) -> None:
        """Whatever their keys are, and where some are known."""
        queue = opened()
        queue.enqueue([JobOrder(kind=KIND, key="b", held=True)])
        keys = ["c", "b", "", "a", "d"]
        answers = queue.enqueue([JobOrder(kind=KIND, key=key, held=True) for key in keys])
        found = [queue.get(each.id) for each in answers]
        assert [job.key for job in found if job] == keys
        assert [each.new for each in answers] == [True, False, True, True, True]

    def test_one_refused_order_leaves_the_others_out(self, opened: Opened) -> None:
        """All or none."""
        queue = opened()
        with pytest.raises(JobRefused, match="no active plugin does jobs of kind 'unknown'"):
            queue.enqueue([JobOrder(kind=KIND, key="fine"), JobOrder(kind="unknown")])
        assert queue.find(JobFilter(key="fine")) == []

    def test_what_a_kind_refuses_is_not_put_in(self, opened: Opened, work: Work) -> None:
        """Its check is asked about each payload."""

        def check(payload: object) -> None:
            raise JobRefused(f"no: {payload}")

        queue = opened(JobKind(name=KIND, description="", run=work, check=check))
        with pytest.raises(JobRefused, match=r"no: \{\}"):
            put_one(queue)
        assert queue.summary() == []

    def test_a_job_waits_for_its_moment(self, opened: Opened, work: Work) -> None:
        """It is not begun before, and by itself then."""
        queue = opened()
        moment = _later(0.4)
        job = wait_for(queue, put_one(queue, "timed", not_before=moment))
        assert job.started is not None
        assert job.started >= moment
        later = put_one(queue, "later", not_before=_later())
        assert work.begun == ["timed"]
        waiting = queue.get(later)
        assert waiting is not None
        assert waiting.state is JobState.WAITING

    def test_postponing_puts_off_who_waits_and_follows_who_is_over(self, opened: Opened) -> None:
        """A timer that each piece of news sets anew."""
        queue = opened()
        first = put_one(queue, "study", not_before=_later(50))
        moment = _later(3600)
        again = put_one(queue, "study", not_before=moment, repeat=Repeat.POSTPONE)
        earlier = put_one(queue, "study", not_before=_later(10), repeat=Repeat.POSTPONE)
        job = queue.get(first)
        assert job is not None
        assert (again, earlier, job.due) == (first, first, moment)
        queue.retry(JobFilter(ids=[first]))
        wait_for(queue, first)
        assert put_one(queue, "study", repeat=Repeat.POSTPONE) != first
