"""The hooks of the plugin in an archive: the queue, kinds of other plugins, and the kind verify."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Sequence
from contextlib import closing

import pytest

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import Change
from pacs_framework.errors import ConfigurationError, PluginError
from pacs_framework.hookspecs import hookimpl
from pacs_framework.jobs import (
    JobFilter,
    JobKind,
    JobOrder,
    JobQueue,
    JobRefused,
    JobState,
    MissingJobQueue,
)
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.suites.job_laws.scene import Work, put_one
from pacs_framework.waking import Waker
from pacs_jobs import plugin
from pacs_jobs.book import Book
from pacs_jobs.tables import NAME

pytestmark = pytest.mark.pacs_guards

_LONG = 30  # seconds, against a test that never ends


class _Follower:
    """A plugin that has work done for each instance that comes in."""

    def __init__(self) -> None:
        self.work = Work()
        self.told = 0
        self.told_again = threading.Event()

    @hookimpl
    def job_kinds(self) -> Sequence[JobKind]:
        """The work."""
        return [JobKind(name="work", description="", run=self.work)]

    @hookimpl
    def on_stored(self, changes: Sequence[Change], archive: Archive) -> None:
        """Put a job in for each; told of them twice, because it fails after the first time."""
        keys = [change.sop_instance_uid for change in changes]
        archive.jobs.enqueue([JobOrder(kind="work", key=key) for key in keys])
        self.told += 1
        if self.told == 1:
            raise RuntimeError("as if the process had died before the cursor moved")
        self.told_again.set()


def test_what_follows_the_change_feed_makes_each_job_once(
    pacs_archive: Archives,
) -> None:
    """The feed is at least once, and a key makes it exactly one job."""
    follower = _Follower()
    running = pacs_archive({NAME: plugin, "follower": follower})
    instances = [make_instance() for _ in range(3)]
    running.take_in(*instances)
    follower.work.wait_until_begun(3)
    assert follower.told_again.wait(_LONG)
    queue = running.archive.jobs
    for job in queue.find(JobFilter()):
        wait_for(queue, job.id)
    assert sorted(follower.work.begun) == sorted(each.SOPInstanceUID for each in instances)


def test_without_a_queue_jobs_are_refused_with_what_to_install(pacs_archive: Archives) -> None:
    """A plugin that puts some in starts all the same."""
    follower = _Follower()
    archive = pacs_archive({"follower": follower}).archive
    assert isinstance(archive.jobs, MissingJobQueue)
    with pytest.raises(PluginError, match="install one that implements job_queue"):
        put_one(archive.jobs)


def test_two_queues_or_two_kinds_of_one_name_stop_the_start(pacs_archive: Archives) -> None:
    """Both plugins are named."""

    class Other:
        @hookimpl
        def job_queue(self) -> JobQueue:
            return MissingJobQueue()

        @hookimpl
        def job_kinds(self) -> Sequence[JobKind]:
            return [JobKind(name="verify", description="", run=print)]

    with pytest.raises(ConfigurationError, match="'jobs' and 'other' both keep a queue of jobs"):
        pacs_archive({NAME: plugin, "other": Other()})

    class Kind:
        job_kinds = Other.job_kinds

    with pytest.raises(ConfigurationError, match="both do jobs of kind 'verify'"):
        pacs_archive({NAME: plugin, "kind": Kind()})


def test_jobs_of_a_plugin_that_is_gone_wait_for_it(pacs_archive: Archives) -> None:
    """Over restarts without it, and an upgrade of it does them."""
    first = Work()
    first.kinds = [JobKind(name="work", description="", run=first)]
    running = pacs_archive({NAME: plugin, "work": first})
    job = put_one(running.archive.jobs, wait=True)
    first.wait_until_begun(1)
    running.stop()
    without = pacs_archive({NAME: plugin}, folder=running.data)
    (found,) = without.archive.jobs.find(JobFilter(ids=[job]))
    assert (found.state, found.attempts) == (JobState.WAITING, 0)
    with pytest.raises(JobRefused, match="no active plugin does jobs of kind 'work'"):
        put_one(without.archive.jobs)
    without.stop()
    upgraded = Work()
    upgraded.let_go()
    upgraded.kinds = [JobKind(name="work", description="the next version", run=upgraded)]
    last = pacs_archive({NAME: plugin, "work": upgraded}, folder=running.data)
    assert wait_for(last.archive.jobs, job).state is JobState.DONE


def test_limits_of_the_configuration_hold(pacs_archive: Archives) -> None:
    """Those of the plugin are a proposal."""
    work = Work()
    work.kinds = [JobKind(name="work", description="", run=work, at_once=1)]
    settings = {"plugin": {NAME: {"limits": {"work": {"at_once": 4}}}}}
    queue = pacs_archive({NAME: plugin, "work": work}, settings=settings).archive.jobs
    ids = [put_one(queue, wait=True) for _ in range(4)]
    work.wait_until_begun(4)
    work.let_go()
    assert {wait_for(queue, job).state for job in ids} == {JobState.DONE}


def test_limits_of_a_kind_that_nobody_does_stop_the_start(pacs_archive: Archives) -> None:
    """With the kinds that there are: a limit that is mistyped would hold for nothing."""
    work = Work()
    work.kinds = [JobKind(name="work", description="", run=work)]
    settings = {"plugin": {NAME: {"limits": {"wrok": {"at_once": 4}, "verify": {"at_once": 2}}}}}
    wanted = r'limits."wrok"\]: no active plugin does jobs of this kind; there are verify, work '
    with pytest.raises(ConfigurationError, match=wanted):
        pacs_archive({NAME: plugin, "work": work}, settings=settings)


def test_a_node_that_does_no_jobs_may_share_the_limits_of_those_that_do(
    pacs_archive: Archives,
) -> None:
    """It may lack their plugins."""
    settings = {"plugin": {NAME: {"work": False, "limits": {"work": {"at_once": 4}}}}}
    assert pacs_archive({NAME: plugin}, settings=settings).archive.jobs is not None


def test_a_kind_that_is_never_given_up_cannot_be_given_up_by_the_configuration(
    pacs_archive: Archives,
) -> None:
    """Its work counts attempts itself; the archive does not start, and says why."""
    work = Work()
    work.kinds = [JobKind(name="work", description="", run=work, attempts=0)]
    settings = {"plugin": {NAME: {"limits": {"work": {"attempts": 3}}}}}
    wanted = r'limits."work"\] attempts = 3: jobs of this kind are never given up by the queue, and'
    with pytest.raises(ConfigurationError, match=wanted):
        pacs_archive({NAME: plugin, "work": work}, settings=settings)


def test_who_waits_for_news_may_be_woken_otherwise(
    pacs_archive: Archives, pacs_index_url: str
) -> None:
    """And is told that there were none; what comes behind is news again."""
    settings = {"index": {"url": pacs_index_url} if pacs_index_url else {}}
    work = Work()
    work.kinds = [JobKind(name="work", description="", run=work)]
    queue = pacs_archive({NAME: plugin, "work": work}, settings=settings).archive.jobs
    with closing(Waker()) as bell, queue.news() as news:
        assert news.wait(60)  # the first look
        bell.ring()
        assert not news.wait(60, bell)
        put_one(queue)
        assert news.wait(60, bell)


def test_jobs_are_forgotten_when_their_time_is_over(pacs_archive: Archives) -> None:
    """With their log; dead letters stay."""

    def work(context: object) -> None:
        context.log("written")  # type: ignore[attr-defined]
        if context.key == "bad":  # type: ignore[attr-defined]
            raise JobRefused("bad")

    follower = Work()
    follower.kinds = [JobKind(name="work", description="", run=work, keep=0.2, attempts=1)]
    queue = pacs_archive({NAME: plugin, "work": follower}).archive.jobs
    bad, good = put_one(queue, "bad"), put_one(queue, "good")
    with queue.news() as news:
        while queue.get(good) is not None:
            news.wait(60)
    assert queue.log_lines(good) == []
    assert wait_for(queue, bad).state is JobState.FAILED
    assert put_one(queue, "good") != good


# --- verify ---------------------------------------------------------------------------------------


@pytest.fixture
def stored(pacs_archive: Archives) -> RunningArchive:
    """Two studies, an object of one of which is damaged."""
    storage = MemoryStorage()
    running = pacs_archive({NAME: plugin}, storage=storage)
    running.take_in(
        *(
            make_instance(StudyInstanceUID=f"1.2.{study}", SeriesInstanceUID=f"1.2.{study}.1")
            for study in (1, 2)
            for _ in range(2)
        )
    )
    return running


def _verified(running: RunningArchive, **payload: str) -> tuple[JobState, dict[str, object]]:
    queue = running.archive.jobs
    (enqueued,) = queue.enqueue([JobOrder(kind="verify", payload=payload)])
    job = wait_for(queue, enqueued.id)
    return job.state, job.result or {"error": job.error}


def test_verify_reads_a_study_or_the_archive_and_finds_what_is_missing(
    stored: RunningArchive,
) -> None:
    """The result counts; the log has a line for each finding."""
    (of_one, *_) = [f for f in stored.archive.lookup.instances() if f.study_instance_uid == "1.2.1"]
    assert _verified(stored) == (JobState.DONE, {"instances": 4, "wrong": 0, "findings": []})
    stored.archive.storage.delete(of_one.storage_key)
    state, result = _verified(stored, study="1.2.1")
    assert (state, result["instances"], result["wrong"]) == (JobState.DONE, 2, 1)
    assert _verified(stored, study="1.2.2")[1]["wrong"] == 0
    queue = stored.archive.jobs
    (_, of_study, *_) = queue.find(JobFilter(kinds=["verify"]))
    (line,) = queue.log_lines(of_study.id)
    assert line.text == f"missing: {of_one.sop_instance_uid}"
    assert of_study.progress.done == of_study.progress.total == 2


def test_verify_refuses_what_names_no_study(stored: RunningArchive) -> None:
    """Before it is put in where that can be known, as a dead letter else."""
    for payload in ({"study": "1.2.x"}, {"study": 7}, {"studie": "1.2.1"}):
        with pytest.raises(JobRefused, match="verify: "):
            stored.archive.jobs.enqueue([JobOrder(kind="verify", payload=payload)])
    state, result = _verified(stored, study="1.2.99")
    assert (state, result) == (JobState.FAILED, {"error": "the archive has no study '1.2.99'"})


def test_an_idle_worker_waits_for_the_clock_or_for_news(
    pacs_archive: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is due in an hour, and one that runs and says nothing, cost nothing until then:
    no thread looks again and again.
    """
    work = Work()
    work.kinds = [JobKind(name="work", description="", run=work, time_limit=3600)]
    queue = pacs_archive({NAME: plugin, "work": work}).archive.jobs
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    queue.enqueue([JobOrder(kind="verify", not_before=later)])
    wait_for(queue, put_one(queue, wait=True), JobState.RUNNING)
    time.sleep(1.0)  # for what was under way
    looks: list[Book] = []
    first_due = Book.first_due

    def look(book: Book) -> dict[str, dt.datetime]:
        looks.append(book)
        return first_due(book)

    monkeypatch.setattr(Book, "first_due", look)
    time.sleep(3.0)
    assert len(looks) <= 3  # six and more where it polls twice a second
