"""Who waits for a plugin can walk away; what was left behind does no harm."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from pacs_framework.plugins.budget import GivenUp, Helpers, Overrun, Watch

SOON = 0.05  # seconds: the time that a test gives what is to be given up
DEADLINE = 30.0  # seconds after which a test has failed


class Task:
    """Something with a limit that remembers what became of it."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.told: list[str] = []
        self.back = threading.Event()

    def gave_up(self) -> None:
        self.told.append("gave up")

    def came_back(self) -> None:
        self.told.append("came back")
        self.back.set()


@pytest.fixture
def helpers():
    pool = Helpers()
    yield pool
    pool.close()


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "plugin-helper"}


def one_task(task, work):
    def run(watch):
        watch.begin(task)
        try:
            return work()
        finally:
            watch.end()

    return run


def test_an_answer_in_time_is_the_answer(helpers):
    task = Task(DEADLINE)
    assert helpers.answer(Watch(), one_task(task, lambda: 7), patience=DEADLINE) == 7
    assert task.told == []


def test_an_exception_is_raised_to_who_waits(helpers):
    """Whatever it is, and with the place where it was raised."""

    def fail():
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        helpers.answer(Watch(), one_task(Task(DEADLINE), fail), patience=DEADLINE)
    assert any(entry.name == "fail" for entry in caught.traceback)


def test_one_that_hangs_is_given_up_and_comes_back_alone(helpers):
    """What it returns is dropped; it learns that nobody waits."""
    task, release = Task(SOON), threading.Event()
    with pytest.raises(Overrun, match=r"took longer than 0\.05 s") as caught:
        helpers.answer(Watch(), one_task(task, release.wait), patience=SOON)
    assert caught.value.task is task
    assert task.told == ["gave up"]
    release.set()
    assert task.back.wait(DEADLINE)
    assert task.told == ["gave up", "came back"]


def test_nothing_further_is_done_for_nobody(helpers):
    """A chain ends with the task that was given up on, also where that raises in the end."""
    task, release, ended = Task(SOON), threading.Event(), threading.Event()
    further = []

    def fail():
        release.wait(DEADLINE)
        raise ValueError

    def chain(watch):
        try:
            one_task(task, fail)(watch)
            further.append("asked")
        except GivenUp:
            ended.set()
            raise

    with pytest.raises(Overrun):
        helpers.answer(Watch(), chain, patience=SOON)
    release.set()
    assert ended.wait(DEADLINE)
    assert further == []


def test_each_task_of_a_chain_has_its_own_time(helpers):
    """Two that are together longer than the limit of one are in time."""
    pause = threading.Event()

    def chain(watch):
        for _ in range(4):
            one_task(Task(0.4), lambda: pause.wait(0.15))(watch)
        return "done"

    assert helpers.answer(Watch(), chain, patience=0.4) == "done"


def test_a_task_without_a_limit_is_waited_for(helpers):
    """Though another one of the chain has one."""
    pause = threading.Event()

    def chain(watch):
        one_task(Task(SOON), lambda: None)(watch)
        one_task(Task(0), lambda: pause.wait(4 * SOON))(watch)
        return "done"

    assert helpers.answer(Watch(), chain, patience=SOON) == "done"


def test_helpers_see_the_context_of_who_asks(helpers):
    """What is bound to a log stays on its lines."""
    seen: ContextVar[str] = ContextVar("seen", default="nothing")
    seen.set("this association")
    assert helpers.answer(Watch(), lambda _: seen.get(), patience=DEADLINE) == "this association"


def test_one_thread_serves_one_after_the_other(helpers):
    """It is free before who asked can ask again."""
    used = {
        helpers.answer(Watch(), lambda _: threading.get_ident(), patience=DEADLINE)
        for _ in range(200)
    }
    assert len(used) == 1


def test_many_at_once_do_not_wait_for_each_other(helpers):
    """A thread for each, as long as they last."""
    together = threading.Barrier(10, timeout=DEADLINE)
    asking = [
        threading.Thread(
            target=lambda: helpers.answer(Watch(), lambda _: together.wait(), patience=DEADLINE)
        )
        for _ in range(10)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(DEADLINE)
    assert not together.broken


def test_threads_end_when_it_is_closed():
    before = threads()
    helpers = Helpers()
    helpers.answer(Watch(), lambda _: None, patience=DEADLINE)
    (mine,) = threads() - before
    helpers.close()
    mine.join(DEADLINE)
    assert not mine.is_alive()


def test_threads_end_when_nobody_needs_them(monkeypatch):
    monkeypatch.setattr("pacs_framework.plugins.budget._IDLE_SECONDS", 0.01)
    before = threads()
    helpers = Helpers()
    helpers.answer(Watch(), lambda _: None, patience=DEADLINE)
    for thread in threads() - before:
        thread.join(DEADLINE)
    assert not threads() - before
    assert helpers.answer(Watch(), lambda _: 1, patience=DEADLINE) == 1
    helpers.close()


def test_work_that_must_not_be_left_is_waited_for(helpers):
    """Its being late is told once, while it still runs."""
    release = threading.Event()
    told = []

    def overdue():
        told.append("late")
        release.set()

    done = helpers.outlast(Watch(), lambda _: release.wait(DEADLINE), limit=SOON, overdue=overdue)
    assert done
    assert told == ["late"]


def test_a_watch_knows_how_deep_it_is_and_whether_those_around_it_were_left(helpers):
    """A hook calls back into the archive, and comes to the same hook again."""
    inner: list[Watch] = []
    release, looked = threading.Event(), threading.Event()

    def hook():
        inner.append(Watch())
        release.wait(DEADLINE)
        inner.append(Watch())
        looked.set()

    with pytest.raises(Overrun):
        helpers.answer(Watch(), one_task(Task(SOON), hook), patience=SOON)
    release.set()
    assert looked.wait(DEADLINE)
    assert [watch.depth for watch in inner] == [2, 2]
    assert all(watch.abandoned for watch in inner)
    assert Watch().depth == 1
    assert not Watch().abandoned
