"""The threads of requests: whoever is told that work is done finds its thread free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from pacs_http.server.threads import RequestThreads

_SECONDS = 20.0


@pytest.fixture
def threads() -> Iterator[RequestThreads]:
    made = RequestThreads()
    yield made
    made.close(_SECONDS)


def _nothing() -> None:
    """There is nobody to tell."""


class Done:
    """Work that notes its thread, and tells when that is free."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self._told = threading.Event()

    def work(self) -> Callable[[], object]:
        self.thread = threading.current_thread()
        return self._told.set

    def wait(self) -> threading.Thread:
        assert self._told.wait(_SECONDS)
        assert self.thread is not None
        return self.thread


def test_one_after_the_other_they_take_one_thread(threads: RequestThreads) -> None:
    """Whatever is submitted when the one before has told: there is no moment in between."""
    used = set()
    for _ in range(200):
        done = Done()
        threads.submit(done.work)
        used.add(done.wait())
    assert len(used) == 1


def test_what_is_submitted_from_the_last_word_has_that_thread(threads: RequestThreads) -> None:
    second = Done()

    def first() -> Callable[[], object]:
        return lambda: threads.submit(second.work)

    threads.submit(first)
    second.wait()
    assert len(threads._threads) == 1


def test_two_at_once_take_two(threads: RequestThreads) -> None:
    meeting = threading.Barrier(2)
    done = [Done(), Done()]

    def meet(each: Done) -> Callable[[], object]:
        meeting.wait(_SECONDS)
        return each.work()

    for each in done:
        threads.submit(lambda each=each: meet(each))
    assert done[0].wait() is not done[1].wait()


@pytest.mark.parametrize("where", ["in the work", "in the last word"])
def test_what_is_raised_costs_no_thread(threads: RequestThreads, where: str) -> None:
    def fail() -> None:
        raise ValueError(where)

    def work() -> Callable[[], object]:
        if where == "in the work":
            fail()
        return fail

    threads.submit(work)
    for _ in range(3):
        done = Done()
        threads.submit(done.work)
        done.wait()
    assert all(each.is_alive() for each in threads._threads)


def test_the_end_waits_for_what_is_at_work_and_for_its_last_word(threads: RequestThreads) -> None:
    go_on, done = threading.Event(), Done()

    def work() -> Callable[[], object]:
        go_on.wait(_SECONDS)
        return done.work()

    threads.submit(work)
    threads.submit(lambda: _nothing)
    threading.Timer(0.05, go_on.set).start()
    threads.close(_SECONDS)
    done.wait()
    assert not any(each.is_alive() for each in threads._threads)
