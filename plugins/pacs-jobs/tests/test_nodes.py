"""Two nodes on one queue, a database that goes away, and processes that die of a job."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs_books import book_of

from pacs_framework.errors import IndexUnavailable
from pacs_framework.jobs import JobContext, JobFilter, JobKind, JobKinds, JobOrder, JobState
from pacs_framework.tables import TableStore
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.postgres import PostgresMissing, PrivatePostgres
from pacs_framework.testing.suites.job_laws.scene import Work, put_one
from pacs_framework.testing.tables import EmptiedTables
from pacs_jobs import plugin
from pacs_jobs.book import Book, Round
from pacs_jobs.ending import CRASHED
from pacs_jobs.queue import TableQueue
from pacs_jobs.tables import NAME, TABLES


@pytest.fixture
def store(pacs_emptied_tables: EmptiedTables) -> TableStore:
    """Empty tables, once on each engine."""
    return pacs_emptied_tables(TABLES, NAME)


class _Nodes:
    """Two archives on one database, whose work is ours."""

    def __init__(self, archives: Archives, url: str) -> None:
        self._archives = archives
        self.url = url

    def start(self, kind: JobKind) -> TableQueue:
        work = Work()
        work.kinds = [kind]
        settings = {"index": {"url": self.url}, "plugin": {NAME: {"lease": 2}}}
        running = self._archives({NAME: plugin, "work": work}, settings=settings)
        queue = running.archive.jobs
        assert isinstance(queue, TableQueue)
        return queue


@pytest.mark.postgresql
def test_two_nodes_share_a_queue_and_do_each_job_once(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres
) -> None:
    """Both work, no job is begun twice, lanes and the limit over all nodes hold."""
    nodes = _Nodes(pacs_archive, pacs_postgres.new_database())
    lock = threading.Lock()
    begun: Counter[str] = Counter()
    running: list[str] = []
    wrong: list[list[str]] = []

    def work_of(node: str) -> JobKind:
        def run(context: JobContext) -> str:
            with lock:
                begun[context.key] += 1
                running.append(context.job.lane)
                if len(running) > 3 or len(set(running)) < len(running):
                    wrong.append([*running])
            context.cancelled.wait(0.002)
            with lock:
                running.remove(context.job.lane)
            return node

        return JobKind(name="work", description="", run=run, at_once=3, everywhere=3)

    first, second = nodes.start(work_of("a")), nodes.start(work_of("b"))
    orders = [JobOrder(kind="work", key=f"k{n}", lane=f"lane {n % 7}") for n in range(60)]
    ids = [each.id for each in first.enqueue(orders[:30])]
    ids += [each.id for each in second.enqueue(orders[30:])]
    done = [wait_for(first, job_id) for job_id in ids]
    assert {job.state for job in done} == {JobState.DONE}
    assert begun == Counter({f"k{n}": 1 for n in range(60)})
    assert wrong == []
    assert {job.result for job in done} == {"a", "b"}


@pytest.mark.postgresql
def test_a_job_of_one_node_is_canceled_from_another(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres
) -> None:
    """Whoever runs it is told at once."""
    nodes = _Nodes(pacs_archive, pacs_postgres.new_database())
    work = Work()
    first = nodes.start(JobKind(name="work", description="", run=work))
    settings = {"index": {"url": nodes.url}, "plugin": {NAME: {"work": False}}}
    idle = pacs_archive({NAME: plugin}, settings=settings)
    job = put_one(first, wait=True)
    work.wait_until_begun(1)
    assert idle.archive.jobs.cancel(JobFilter(ids=[job])) == 1
    assert wait_for(idle.archive.jobs, job).state is JobState.CANCELED


@pytest.fixture
def mortal() -> Iterator[PrivatePostgres]:
    """A PostgreSQL that may crash."""
    try:
        with PrivatePostgres(durable=True) as server:
            yield server
    except PostgresMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.postgresql
def test_work_goes_on_when_the_database_comes_back(
    pacs_archive: Archives, mortal: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs ends meanwhile; its end is written down later, and it is not done again."""
    monkeypatch.setattr("pacs_framework.background._PAUSE", 0.05)
    work = Work()
    queue = _Nodes(pacs_archive, mortal.new_database()).start(
        JobKind(name="work", description="", run=work)
    )
    job = put_one(queue, "k", wait=True, result="kept")
    work.wait_until_begun(1)
    mortal.crash()
    with pytest.raises(IndexUnavailable):
        put_one(queue, "lost")
    work.let_go()
    mortal.start()
    found = _when_back(queue, job)
    assert (found, work.begun) == ("kept", ["k"])
    assert wait_for(queue, put_one(queue, "next")).state is JobState.DONE


def _when_back(queue: TableQueue, job: str) -> object:
    for _ in range(100):
        try:
            return wait_for(queue, job).result
        except IndexUnavailable:
            threading.Event().wait(0.1)
    raise AssertionError("the database does not come back")


def test_a_job_that_ends_its_process_is_given_up(store: TableStore, tmp_path: Path) -> None:
    """Each time it counts as a failed attempt; else it would kill every process for ever."""
    kind = JobKind(name="work", description="", run=print, attempts=2)
    kinds = JobKinds()
    kinds.add([kind], plugin="work")
    queue = TableQueue(store, tmp_path, kinds, 60.0)
    job = put_one(queue)
    heir = book_of(queue, "heir")
    for owner, state in (("first", JobState.WAITING), ("second", JobState.FAILED)):
        book = book_of(queue, owner)
        turn = Round(wanted={"work": 1})
        book.carry_out(turn)
        assert len(turn.taken["work"].runs) == 1
        assert heir.take_over(["somebody else"]) == []
        (ended,) = heir.take_over([owner])
        assert (ended.state, ended.error) == (state, CRASHED)
    assert [line.attempt for line in queue.log_lines(job)] == [1, 2]


def test_a_canceled_job_of_a_dead_process_is_canceled(store: TableStore, tmp_path: Path) -> None:
    """It is not begun once more."""
    kinds = JobKinds()
    kinds.add([JobKind(name="work", description="", run=print)], plugin="work")
    queue = TableQueue(store, tmp_path, kinds, 60.0)
    job = put_one(queue)
    book_of(queue, "dead").carry_out(Round(wanted={"work": 1}))
    assert queue.cancel(JobFilter(ids=[job])) == 1
    (ended,) = book_of(queue, "heir").take_over_all_but(["heir"])
    assert ended.state is JobState.CANCELED


def test_a_crash_in_a_run_of_many_counts_for_none_of_them(
    store: TableStore, tmp_path: Path
) -> None:
    """Most were not begun. Each is done alone next; what ends its process then is to blame."""
    kind = JobKind(name="work", description="", run_together=print, together=3, attempts=1)
    kinds = JobKinds()
    kinds.add([kind], plugin="work")
    queue = TableQueue(store, tmp_path, kinds, 60.0)
    orders = [JobOrder(kind="work", lane="study") for _ in range(3)]
    jobs = [each.id for each in queue.enqueue(orders)]
    first, second, heir = (book_of(queue, name) for name in ("first", "second", "heir"))
    assert _taken(first) == [jobs]
    ended = heir.take_over(["first"])
    assert [(each.state, each.attempts) for each in ended] == [(JobState.WAITING, 0)] * 3
    assert [line.attempt for line in queue.log_lines(jobs[0])] == [1]
    assert _taken(second) == [jobs[:1]]
    (ended,) = heir.take_over(["second"])
    assert (ended.number, ended.state) == (int(jobs[0]), JobState.FAILED)
    queue.enqueue(orders)
    assert _taken(heir) == [[jobs[1]]]


def _taken(book: Book) -> list[list[str]]:
    """The ids of the jobs of each run that there is now."""
    turn = Round(wanted={"work": 8})
    book.carry_out(turn)
    return [[job.id for job in run.jobs] for run in turn.taken["work"].runs]
