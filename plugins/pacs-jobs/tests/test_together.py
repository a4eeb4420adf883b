"""Jobs that one run does together: when it is written down what became of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from pacs_framework.jobs import JobContext, JobKind, JobOrder, JobQueue, JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.suites.job_laws.scene import Work
from pacs_jobs import plugin
from pacs_jobs.book import Book, Round
from pacs_jobs.tables import NAME

_MANY = 100
_PAUSE = 0.5  # seconds, as the worker has it
_LONG = 60  # seconds, against a test that never ends


class _Batch(Work):
    """Work that ends the first job, and the others when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        kind = JobKind(name="batch", description="", run_together=self.run, together=_MANY)
        self.kinds = [kind]

    def run(self, contexts: Sequence[JobContext]) -> None:
        """One after the other, with a little time for each."""
        for context in contexts:
            context.done(context.key)
            assert self.go_on.wait(_LONG)
            context.cancelled.wait(0.02)


def _put(queue: JobQueue, count: int) -> list[str]:
    orders = [JobOrder(kind="batch", key=f"{n:03}", lane="study") for n in range(count)]
    return [each.id for each in queue.enqueue(orders)]


def test_an_end_is_written_while_the_run_goes_on(pacs_archive: Archives) -> None:
    """So a process that is killed does again what it did last, and not all that it took up."""
    batch = _Batch()
    queue = pacs_archive({NAME: plugin, "batch": batch}).archive.jobs
    first, second = _put(queue, 2)
    try:
        job = wait_for(queue, first)
        other = queue.get(second)
    finally:
        batch.go_on.set()
    assert (job.state, job.result) == (JobState.DONE, "000")
    assert other is not None
    assert other.state is JobState.RUNNING
    assert wait_for(queue, second).state is JobState.DONE


def test_ends_that_nobody_waits_for_share_transactions(
    pacs_archive: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause lies between two of a run that goes on; each costs a sync, and the work its time."""
    batch = _Batch()
    batch.go_on.set()
    queue = pacs_archive({NAME: plugin, "batch": batch}).archive.jobs
    written: list[tuple[float, int]] = []
    carry_out = Book.carry_out

    def carried(book: Book, turn: Round) -> None:
        carry_out(book, turn)
        if turn.ends:
            written.append((time.monotonic(), len(turn.ends)))

    monkeypatch.setattr(Book, "carry_out", carried)
    for job_id in _put(queue, _MANY):
        assert wait_for(queue, job_id).state is JobState.DONE
    assert sum(count for _, count in written) == _MANY
    seconds = written[-1][0] - written[0][0]
    assert len(written) <= 2 + seconds / _PAUSE
