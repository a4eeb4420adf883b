"""Settling: the index is made durable a while after the first commit that was not."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from pacs_framework.archive import settling
from pacs_framework.archive.settling import Remembered, Settler
from pacs_framework.errors import IndexUnavailable
from pacs_framework.testing.memory_storage import MemoryStorage


class Remembering(MemoryStorage):
    """Counts what is settled; each call waits until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[str] = []
        self.forgotten: list[list[str]] = []
        self.called = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def settled(self, key: str) -> None:
        self.known.append(key)

    def settle(self, sync: Callable[[], None]) -> None:
        mine = list(self.known)
        self.called.release()
        self.go_on.acquire()
        sync()
        self.forgotten.append(mine)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Remembering:
    monkeypatch.setattr(settling, "_GATHER", 0.0)
    monkeypatch.setattr(settling, "_AFTER_FAILURE", 0.0)
    return Remembering()


def nothing() -> None:
    """An index that is durable anyway."""


def test_without_anything_to_settle_nothing_runs(storage: Remembering) -> None:
    before = threading.active_count()
    settler = Settler(storage, nothing)
    assert threading.active_count() == before
    settler.close()
    assert storage.forgotten == []


def test_what_came_while_it_settled_is_settled_by_the_close(storage: Remembering) -> None:
    """A clean stop leaves nothing to the next start."""
    settler = Settler(storage, nothing)
    Remembered("first", storage, settler).settle()
    storage.called.acquire()
    Remembered("second", storage, settler).settle()
    closing = threading.Thread(target=settler.close)
    closing.start()
    storage.go_on.release(10)
    closing.join()
    assert storage.forgotten[0] == ["first"]
    assert storage.forgotten[-1] == ["first", "second"]


def test_an_index_that_fails_is_tried_again(storage: Remembering) -> None:
    """And the log tells."""
    failures = [IndexUnavailable("the disk is gone")]

    def sync() -> None:
        if failures:
            raise failures.pop()

    settler = Settler(storage, sync)
    storage.go_on.release(10)
    with capture_logs() as logs:
        Remembered("one", storage, settler).settle()
        storage.called.acquire()
        storage.called.acquire()
        settler.close()
    assert storage.forgotten[0] == ["one"]
    [line] = [line for line in logs if line["event"] == "the index could not be made durable"]
    assert line["error"] == "the disk is gone"
