"""Frames worked on ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pacs_framework.codecs.ahead import FrameThreads


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[FrameThreads]:
    made = FrameThreads(request.param)
    yield made
    made.close()


def test_results_come_in_order(threads: FrameThreads) -> None:
    assert list(threads.map(lambda n: n * n, range(50))) == [n * n for n in range(50)]


def test_what_one_raises_comes_in_its_place(threads: FrameThreads) -> None:
    def work(number: int) -> int:
        return 10 // (3 - number)

    results = threads.map(work, range(20))
    assert [next(results) for _ in range(3)] == [3, 5, 10]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_only_a_few_frames_are_ahead() -> None:
    threads, taken = FrameThreads(2), []

    def frames() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = threads.map(lambda n: n, frames())
    assert next(results) == 0
    assert len(taken) <= 4
    results.close()  # type: ignore[attr-defined]
    threads.close()


def test_several_frames_are_worked_on_at_once() -> None:
    threads, together = FrameThreads(2), threading.Barrier(2, timeout=20)
    assert len(list(threads.map(lambda _: together.wait(), range(4)))) == 4
    threads.close()
