"""`keep_on`: the body of threads that work in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from pacs_framework import background
from pacs_framework.background import keep_on
from pacs_framework.errors import StorageError


def turns(stopping: threading.Event, *raised: Exception) -> Callable[[], None]:
    """Turns that raise, one after the other; the one after them ends the thread."""
    left = list(raised)

    def turn() -> None:
        if left:
            raise left.pop(0)
        stopping.set()

    return turn


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_PAUSE", 0.0)


def test_no_failure_ends_the_thread_and_each_is_told() -> None:
    """Those of the archive in a line, those of the plugin's code with where they come from."""
    stopping = threading.Event()
    with capture_logs() as log:
        keep_on(stopping, "moves", turns(stopping, StorageError("away"), ValueError("x")), node=1)
    assert [(line["log_level"], line["work"], line["node"]) for line in log] == [
        ("warning", "moves", 1),
        ("error", "moves", 1),
    ]
    assert log[0]["cause"] == "away"
    assert log[1]["exc_info"]


def test_who_is_told_to_stop_takes_no_turn() -> None:
    stopping = threading.Event()
    stopping.set()
    keep_on(stopping, "moves", turns(stopping, AssertionError("a turn was taken")))


def test_a_pause_after_a_failure_ends_when_it_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stop of the archive does not wait for it."""
    monkeypatch.setattr(background, "_PAUSE", 3600.0)
    stopping, failed = threading.Event(), threading.Event()

    def turn() -> None:
        failed.set()
        raise StorageError("away")

    thread = threading.Thread(target=keep_on, args=(stopping, "moves", turn))
    thread.start()
    assert failed.wait(30)
    stopping.set()
    thread.join(30)
    assert not thread.is_alive()
