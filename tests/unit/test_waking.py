"""Who waits is woken from its process and from others, and by what it has missed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pacs_framework.waking import Waker, ring

_RING = """
import sys
from pathlib import Path
from pacs_framework.waking import ring
ring(Path(sys.argv[1]))
"""


@contextmanager
def wakers(*paths: Path | None) -> Iterator[list[Waker]]:
    made = [Waker(path) for path in paths]
    try:
        yield made
    finally:
        for waker in made:
            waker.close()


@pytest.fixture(params=["here", "by a pipe"])
def waker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Waker]:
    with closing(Waker(None if request.param == "here" else tmp_path / "deep" / "bell")) as waker:
        yield waker


def test_a_ring_before_the_wait_is_not_missed_and_counts_once(waker: Waker) -> None:
    for _ in range(3):
        waker.ring()
    assert waker.wait(None) == {waker}
    assert waker.wait(0) == frozenset()


def test_a_thread_that_waits_is_woken(waker: Waker) -> None:
    rung: list[frozenset[Waker]] = []
    waiting = threading.Thread(target=lambda: rung.append(waker.wait(None)))
    waiting.start()
    waker.ring()
    waiting.join()
    assert rung == [{waker}]


def test_the_time_ends_a_wait(waker: Waker) -> None:
    begun = time.monotonic()
    assert waker.wait(0.02) == frozenset()
    assert time.monotonic() - begun >= 0.02


def test_more_rings_than_there_is_room_for_wait_for_nobody(waker: Waker) -> None:
    for _ in range(20_000):
        waker.ring()
    assert waker.wait(None) == {waker}


def test_it_says_which_of_several_rang() -> None:
    with wakers(None, None) as (mine, other):
        other.ring()
        assert mine.wait(None, other) == {other}
        assert mine.wait(0, other) == frozenset()


def test_another_process_rings(tmp_path: Path) -> None:
    bell = tmp_path / "bell"
    with wakers(bell) as (waker,):
        subprocess.run([sys.executable, "-c", _RING, str(bell)], check=True)
        assert waker.wait(None) == {waker}


def test_ringing_where_nobody_waits_does_nothing(tmp_path: Path) -> None:
    ring(tmp_path / "nobody")
    with wakers(tmp_path / "bell"):
        pass
    ring(tmp_path / "bell")


def test_something_else_in_its_place_is_not_taken_for_a_bell(tmp_path: Path) -> None:
    (tmp_path / "bell").write_text("notes")
    with pytest.raises(FileExistsError, match="in the way"):
        Waker(tmp_path / "bell")
    assert (tmp_path / "bell").read_text() == "notes"
