"""Runs that have lost their jobs: what they still say of them does not count."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from jobs_books import book_of
from jobs_processes import Slow, run, shown

from pacs_framework.jobs import Job, JobKind, JobKinds, JobState, Progress
from pacs_framework.tables import TableStore, now
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.suites.job_laws.scene import put_one
from pacs_framework.testing.tables import EmptiedTables
from pacs_jobs.book import Book, Round
from pacs_jobs.ending import CRASHED, LATE, End, Ending
from pacs_jobs.queue import TableQueue
from pacs_jobs.rows import InRun
from pacs_jobs.saying import Line
from pacs_jobs.tables import NAME, TABLES
from pacs_jobs.taking import Claimed

_LONG = 60  # seconds, against a test that never ends


@pytest.fixture
def queue(pacs_emptied_tables: EmptiedTables, tmp_path: Path) -> TableQueue:
    """An empty one, once on each engine."""
    kinds = JobKinds()
    kinds.add([JobKind(name="work", description="", run=print, attempts=9)], plugin="work")
    store: TableStore = pacs_emptied_tables(TABLES, NAME)
    return TableQueue(store, tmp_path, kinds, 60.0)


def taken(book: Book) -> Claimed:
    """The run of the one job that waits."""
    turn = Round(wanted={"work": 1})
    book.carry_out(turn)
    (claimed,) = turn.taken["work"].runs
    return claimed


def end_of(claimed: Claimed, ending: Ending = Ending.DONE, **more: Any) -> End:
    (job,) = claimed.jobs
    facts: dict[str, Any] = {"progress": Progress(), "attempt": job.attempts + 1, **more}
    return End(number=int(job.id), run=claimed.run, ending=ending, **facts)


def carried(book: Book, *ends: End, **more: Any) -> Round:
    turn = Round(ends=[*ends], **more)
    book.carry_out(turn)
    return turn


def found(queue: TableQueue, job_id: str) -> Job:
    job = queue.get(job_id)
    assert job is not None
    return job


@pytest.mark.parametrize("heir", ["frozen", "other"])
@pytest.mark.parametrize("ending", Ending)
def test_a_late_end_leaves_the_newer_run_alone(
    queue: TableQueue, heir: str, ending: Ending
) -> None:
    """Whoever has that: a process that thaws may take up itself what it had lost."""
    job_id = put_one(queue)
    frozen, other = book_of(queue, "frozen"), book_of(queue, "other")
    lost = taken(frozen)
    assert len(other.take_over(["frozen"])) == 1
    book = frozen if heir == "frozen" else other
    present = taken(book)
    late = end_of(lost, ending, error="late", result='"late"', until=now(), kind_too=True)
    turn = carried(frozen, late)
    assert (turn.ended, turn.late) == ([], [late])
    job = found(queue, job_id)
    assert (job.state, job.attempts, job.result) == (JobState.RUNNING, 1, None)
    assert queue.pauses() == []
    how = ending.name.lower().replace("_", " ")
    lines = [(line.attempt, line.text) for line in queue.log_lines(job_id)]
    assert lines == [(1, CRASHED), (1, f"this attempt {LATE}: {how}, late")]
    assert carried(book, end_of(present, result='"now"')).late == []
    assert (found(queue, job_id).state, found(queue, job_id).result) == (JobState.DONE, "now")


def test_a_late_end_leaves_the_newer_end_alone(queue: TableQueue) -> None:
    """Also when both are written by one process at once, in either order."""
    for first in (True, False):
        job_id = put_one(queue)
        book = book_of(queue, "frozen")
        lost = taken(book)
        book_of(queue, "other").take_over(["frozen"])
        ends = [end_of(lost, result="1"), end_of(taken(book), result="2")]
        turn = carried(book, *(ends if first else reversed(ends)))
        assert turn.late == ends[:1]
        assert [each.attempt for each in turn.ended] == [2]
        assert found(queue, job_id).result == 2


def test_an_end_that_is_written_twice_is_not_late(queue: TableQueue) -> None:
    """The database may have committed, and the answer be lost; it comes again then."""
    job_id = put_one(queue)
    book = book_of(queue, "one")
    ended = end_of(taken(book), result="1")
    assert len(carried(book, ended).ended) == 1
    again = carried(book, ended)
    assert (again.ended, again.late) == ([], [])
    assert queue.log_lines(job_id) == []


def test_how_far_a_lost_run_is_does_not_count(queue: TableQueue) -> None:
    """Neither while the next one goes on, nor when it is over."""
    job_id = put_one(queue)
    book = book_of(queue, "frozen")
    lost = taken(book)
    book_of(queue, "other").take_over(["frozen"])
    present = taken(book)
    late = {InRun(int(job_id), lost.run): Progress(done=9)}
    carried(book, progress={**late, InRun(int(job_id), present.run): Progress(done=1)})
    assert found(queue, job_id).progress.done == 1
    carried(book, progress=late)
    assert found(queue, job_id).progress.done == 1


def test_what_is_said_of_a_forgotten_job_holds_nothing_up(queue: TableQueue) -> None:
    """The job was over and deleted before its first run came back; other ends are written."""
    job_id = put_one(queue)
    frozen, other = book_of(queue, "frozen"), book_of(queue, "other")
    lost = taken(frozen)
    other.take_over(["frozen"])
    carried(other, end_of(taken(other)))
    with queue.store.begin() as connection:
        connection.execute(TABLES.metadata.tables["jobs_job"].update().values(forget=now()))
    other.forget()
    assert queue.get(job_id) is None
    line = Line(number=int(job_id), at=now(), attempt=1, text="late")
    next_id = put_one(queue)
    turn = carried(frozen, end_of(lost), end_of(taken(frozen)), lines=[line])
    assert [each.number for each in turn.ended] == [int(next_id)]


def test_a_lease_is_that_of_a_run(queue: TableQueue) -> None:
    """What we were given and do not know of, since the answer was lost, ends as another's does."""
    put_one(queue)
    book = book_of(queue, "one", lease=0.0)
    known = taken(book)
    assert book.take_over_expired({known.run}) == []
    assert book.next_lease_end({known.run}) is None
    assert book.renew({known.run}) == {InRun(int(known.jobs[0].id), known.run)}
    assert book.renew({"another"}) == set()
    assert book.next_lease_end({"another"}) is not None
    assert [each.error for each in book.take_over_expired({"another"})] == [CRASHED]


# --- processes ------------------------------------------------------------------------------------


_STUBBORN = """
    import pathlib, time
    from pacs_framework import hookimpl
    from pacs_framework.jobs import JobKind

    def work(context):
        folder = pathlib.Path(context.payload["folder"])
        with (folder / "begun").open("a") as file:
            file.write(f"{context.key} {context.attempt}\\n")
        while not (folder / f"go {context.attempt}").exists():
            time.sleep(0.02)
        return context.attempt

    @hookimpl
    def job_kinds():
        return [JobKind(name="slow", description="Does not listen", run=work, at_once=4)]
"""


_LOCKS = sa.text(
    "SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = pg_locks.relation "
    "WHERE relname IN ('jobs_job', 'jobs_kind')"
)


def until(there: Callable[[], object], seconds: float = _LONG) -> bool:
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def frozen(archive: ServedArchive, url: str) -> Iterator[None]:
    """Between two transactions: what is frozen in the middle of one holds its locks."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            while True:
                os.kill(archive.process.pid, signal.SIGSTOP)
                if until(lambda: not connection.execute(_LOCKS).scalar(), seconds=3):
                    break
                os.kill(archive.process.pid, signal.SIGCONT)
        yield
    finally:
        engine.dispose()
        os.kill(archive.process.pid, signal.SIGCONT)


@pytest.mark.postgresql
def test_a_frozen_node_that_comes_back_writes_no_end_over_the_next(
    tmp_path: Path, pacs_postgres: PrivatePostgres
) -> None:
    """It takes up again what another node took from it, while its first run goes on and ends."""
    stubborn = Slow(tmp_path / "slow", does=_STUBBORN)
    url = pacs_postgres.new_database()
    config = f'[index]\nurl = "{url}"\n[plugin.jobs]\nlease = 2\n'
    config += f'[storage]\nurl = "{(tmp_path / "objects").as_uri()}"\n'
    with (
        served(tmp_path / "b", config=config) as other,
        # Afresh: what is forked has a parent of the test's own, which would wait for it.
        served(tmp_path / "a", config=config, plugins=stubborn.plugins, afresh=True) as node,
    ):
        job = stubborn.start(node, "k")
        assert stubborn.begun(1) == [("k", 1)]
        with frozen(node, url):
            assert until(lambda: shown(other, job)["attempts"])
        assert stubborn.begun(2)[1] == ("k", 2)
        (stubborn.folder / "go 1").touch()
        assert until(lambda: len(shown(other, job)["log"]) == 2)
        facts = shown(other, job)
        assert (facts["state"], facts["attempts"]) == ("running", 1)
        assert [line["text"] for line in facts["log"]] == [CRASHED, f"this attempt {LATE}: done"]
        (stubborn.folder / "go 2").touch()
        run(other, "watch", job)
        assert shown(other, job)["result"] == 2
        assert LATE in node.log_text()
