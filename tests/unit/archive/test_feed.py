"""The change feed: in order, at least once, each consumer at its own pace, and never by polling."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.bell import Bell, BellListener
from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.feed import ChangeFeed
from pacs_framework.errors import ConfigurationError
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import open_database
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

DEADLINE = 30  # seconds after which a test has failed; nothing waits for it otherwise


class Received:
    """A consumer that can be asked for what it got."""

    def __init__(self, fail: Callable[[Change], bool] = lambda _: False) -> None:
        self.changes: queue.Queue[Change] = queue.Queue()
        self.portions: list[list[int]] = []
        self.fail = fail

    def __call__(self, changes: Sequence[Change]) -> None:
        self.portions.append([change.sequence for change in changes])
        for change in changes:
            self.changes.put(change)
            if self.fail(change):
                raise RuntimeError("not now")

    def next(self, number: int) -> list[int]:
        return [self.changes.get(timeout=DEADLINE).sequence for _ in range(number)]


MakeFeed = Callable[..., ChangeFeed]


@pytest.fixture
def feed(scene: Scene) -> Iterator[MakeFeed]:
    running: list[ChangeFeed] = []

    def make(consumers: dict[str, Received], **options: Any) -> ChangeFeed:
        scene.data.mkdir(exist_ok=True)
        made = ChangeFeed(scene.database, consumers, scene.data, **options)
        running.append(made)
        made.start()
        return made

    yield make
    for one in running:
        one.stop()


def store(archive: Archive, *numbers: int) -> None:
    for number in numbers:
        send(archive, encoded(mr_image(number)), announced(number))


def link(archive: Archive, patient: str) -> None:
    """Two changes about patients."""
    keys = PatientKey(patient_id=patient), PatientKey(patient_id=f"{patient}2")
    archive.patients.link(*keys, by="test", reason="because")


def test_every_consumer_gets_every_change_in_order(archive: Archive, feed: MakeFeed) -> None:
    one, other = Received(), Received()
    feed({"one": one, "other": other})
    store(archive, *range(1, 101))
    assert one.next(100) == list(range(1, 101))
    assert other.next(100) == list(range(1, 101))


def test_a_new_consumer_begins_at_the_end(archive: Archive, feed: MakeFeed) -> None:
    """It learns what is stored from its first start on."""
    store(archive, 1, 2, 3)
    consumer = Received()
    feed({"late": consumer})
    store(archive, 4)
    assert consumer.next(1) == [4]


def test_a_known_consumer_goes_on_where_it_stopped(archive: Archive, feed: MakeFeed) -> None:
    """Also with what was stored while nobody ran the feed."""
    before = Received()
    running = feed({"known": before})
    store(archive, 1, 2)
    assert before.next(2) == [1, 2]
    running.stop()
    store(archive, 3)
    after = Received()
    feed({"known": after})
    assert after.next(1) == [3]


def test_a_consumer_that_raises_gets_the_change_again_and_holds_nobody_up(
    archive: Archive, feed: MakeFeed
) -> None:
    failures = iter([True, True, True])
    failing = Received(lambda change: change.sequence == 2 and next(failures, False))
    steady = Received()
    feed({"failing": failing, "steady": steady}, first_delay=0.001, longest_delay=0.002)
    store(archive, 1, 2, 3)
    assert steady.next(3) == [1, 2, 3]
    assert failing.next(6) == [1, 2, 2, 2, 2, 3]


def test_one_that_takes_several_gets_all_that_wait(archive: Archive, feed: MakeFeed) -> None:
    """In one portion, up to 256; the other consumer gets them one by one."""
    feed({"one": Received(), "many": Received()}).stop()
    store(archive, *range(1, 301))
    one, many = Received(), Received()
    feed({"one": one, "many": many}, several=["many"])
    assert one.next(300) == many.next(300) == list(range(1, 301))
    assert many.portions == [list(range(1, 257)), list(range(257, 301))]
    assert one.portions == [[number] for number in range(1, 301)]


def test_a_portion_that_fails_comes_again_as_a_whole(
    scene: Scene, archive: Archive, feed: MakeFeed
) -> None:
    """Nothing of it is passed in the cursor."""
    feed({"many": Received()}).stop()
    store(archive, 1, 2, 3)
    failing = Received(lambda change: change.sequence == 2)
    running = feed({"many": failing}, several=["many"], first_delay=DEADLINE)
    assert failing.next(2) == [1, 2]
    running.stop()
    assert ChangeReader(scene.database).cursor("many") == 0
    again = Received()
    feed({"many": again}, several=["many"])
    assert again.next(3) == [1, 2, 3]


def test_what_was_consumed_before_a_failure_does_not_come_again(
    scene: Scene, archive: Archive, feed: MakeFeed
) -> None:
    """The cursor is saved before the feed waits."""
    failing = Received(lambda change: change.sequence == 3)
    running = feed({"failing": failing}, first_delay=DEADLINE)
    store(archive, 1, 2, 3)
    assert failing.next(3) == [1, 2, 3]
    running.stop()
    assert ChangeReader(scene.database).cursor("failing") == 2


class Saves:
    """When the cursor of a consumer is saved: the clock goes on only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.saved: queue.Queue[int] = queue.Queue()
        save = ChangeFeed.save

        def noted(feed: ChangeFeed, consumer: str, sequence: int) -> None:
            save(feed, consumer, sequence)
            self.saved.put(sequence)

        monkeypatch.setattr("pacs_framework.archive.feed.monotonic", lambda: self.now)
        monkeypatch.setattr(ChangeFeed, "save", noted)


def test_a_busy_consumer_saves_its_cursor_once_a_second(
    archive: Archive, feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for each change, nor for each commit: that would be a commit of its own each time."""
    saves = Saves(monkeypatch)
    consumer = Received()
    feed({"one": consumer})
    for number in range(1, 9):
        store(archive, number)
        assert consumer.next(1) == [number]
    assert saves.saved.empty()
    saves.now += 1.0
    store(archive, 9)
    assert consumer.next(1) == [9]
    assert saves.saved.get(timeout=DEADLINE) >= 8


def test_the_cursor_is_saved_though_nothing_follows(
    archive: Archive, feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second after the last change, without being asked."""
    saves = Saves(monkeypatch)
    monkeypatch.setattr("pacs_framework.archive.feed._SAVE", 0.0)
    feed({"one": Received()})
    store(archive, 1)
    assert saves.saved.get(timeout=DEADLINE) == 1


def test_what_was_not_saved_is_saved_at_the_end(
    scene: Scene, archive: Archive, feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    Saves(monkeypatch)
    consumer = Received()
    running = feed({"one": consumer})
    store(archive, 1, 2)
    assert consumer.next(2) == [1, 2]
    running.stop()
    assert ChangeReader(scene.database).cursor("one") == 2


def test_after_a_crash_what_was_not_saved_comes_again(
    archive: Archive, feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once, in order."""
    before, after = Received(), Received()
    with monkeypatch.context() as crashing:
        crashing.setattr(ChangeFeed, "save", lambda *_: None)
        running = feed({"one": before})
        store(archive, 1, 2)
        assert before.next(2) == [1, 2]
        running.stop()
    feed({"one": after})
    store(archive, 3)
    assert after.next(3) == [1, 2, 3]


@pytest.mark.parametrize("pacs_index_url", ["sqlite"], indirect=True)
def test_one_that_was_idle_begins_at_the_end(
    scene: Scene, archive: Archive, feed: MakeFeed
) -> None:
    """It was told to do nothing about what was stored meanwhile. On PostgreSQL another node may not
    have been (see test_feed_on_nodes).
    """
    running = feed({"one": Received()})
    running.stop()
    feed({}, idle={"one", "never"}).stop()
    assert ChangeReader(scene.database).cursor("one") is None
    store(archive, 1, 2)
    consumer = Received()
    feed({"one": consumer})
    store(archive, 3)
    assert consumer.next(1) == [3]


def test_a_consumer_of_some_kinds_gets_those_and_its_place_moves_on(
    archive: Archive, feed: MakeFeed, scene: Scene
) -> None:
    """What it passes over is not written down each time, and does not come again after a stop."""
    some = Received()
    only = {"some": {ChangeKind.PATIENT_LINKED}}
    running = feed({"some": some}, only=only)
    store(archive, 1, 2)
    link(archive, "A")
    store(archive, 3)
    assert some.next(2) == [3, 4]
    store(archive, *range(4, 10))
    running.stop()
    assert ChangeReader(scene.database).cursor("some") in range(4, 12)
    again = Received()
    feed({"some": again}, only=only)
    link(archive, "B")
    assert again.next(2) == [12, 13]


def test_more_than_a_batch_of_some_kinds_comes_whole(archive: Archive, scene: Scene) -> None:
    reader = ChangeReader(scene.database)
    for patient in "ABC":
        link(archive, patient)
        store(archive, ord(patient))
    kinds = {ChangeKind.PATIENT_LINKED}
    first, place = reader.some_after(0, 4, kinds)
    assert ([each.sequence for each in first], place) == ([1, 2, 4, 5], 5)
    rest, place = reader.some_after(place, 4, kinds)
    assert ([each.sequence for each in rest], place) == ([7, 8], 9)
    assert reader.some_after(place, 4, kinds) == ([], 9)


def test_no_change_is_handed_over_before_it_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut could take it back, and give its number to another."""
    database = open_database(f"sqlite:///{tmp_path / 'index.db'}")
    scene = Scene(database, tmp_path / "data")
    archive = scene.archive()
    syncs: list[int] = []
    monkeypatch.setattr(os, "fdatasync", syncs.append)
    write = archive.writer.store
    monkeypatch.setattr(archive.writer, "store", lambda entry, **_: write(entry, synced=False))
    seen: queue.Queue[int] = queue.Queue()
    feed = ChangeFeed(database, {"one": lambda _: seen.put(len(syncs))}, scene.data)
    feed.start()
    store(archive, 1)
    assert seen.get(timeout=DEADLINE) == 1
    feed.stop()
    scene.end()
    database.close()


def test_a_consumer_that_is_held_is_left_alone_and_loses_nothing(
    archive: Archive, feed: MakeFeed
) -> None:
    """The circuit of its plugin is open; the others go on."""
    closed = threading.Event()
    asked: queue.Queue[None] = queue.Queue()

    def hold() -> float:
        asked.put(None)
        return 0.0 if closed.is_set() else 0.01

    held, other = Received(), Received()
    feed({"held": held, "other": other}, holds={"held": hold})
    store(archive, 1, 2)
    assert other.next(2) == [1, 2]
    for _ in range(3):
        asked.get(timeout=DEADLINE)
    assert held.changes.empty()
    closed.set()
    assert held.next(2) == [1, 2]


def test_a_hold_takes_the_place_of_the_growing_pause(archive: Archive, feed: MakeFeed) -> None:
    """A circuit that may be tried again is, though the feed would wait longer by itself."""
    holds = iter([0.0, 0.001])
    failures = iter([True])
    failing = Received(lambda _: next(failures, False))
    feed(
        {"failing": failing},
        holds={"failing": lambda: next(holds, 0.0)},
        first_delay=3600,
        longest_delay=3600,
    )
    store(archive, 1)
    assert failing.next(2) == [1, 1]


def test_stop_wakes_a_feed_that_holds(archive: Archive, feed: MakeFeed) -> None:
    asked = threading.Event()

    def hold() -> float:
        asked.set()
        return 3600.0

    running = feed({"held": Received()}, holds={"held": hold})
    store(archive, 1)
    assert asked.wait(DEADLINE)
    running.stop()
    assert not any(t.name.startswith("change-feed") for t in threading.enumerate())


def test_the_grace_of_a_stop_is_one_for_all(archive: Archive, feed: MakeFeed) -> None:
    """Two that hang do not take twice as long."""
    release = threading.Event()
    began: queue.Queue[Change] = queue.Queue()

    def hang(changes: Sequence[Change]) -> None:
        began.put(changes[0])
        release.wait(DEADLINE)

    running = feed({"one": hang, "other": hang})
    store(archive, 1)
    for _ in range(2):
        began.get(timeout=DEADLINE)
    started = time.monotonic()
    running.stop(grace=1.0)
    assert time.monotonic() - started < 1.9
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("change-feed"):
            thread.join(DEADLINE)  # it leaves the index alone, which may be closed


def test_stop_wakes_a_feed_that_waits_after_a_failure(archive: Archive, feed: MakeFeed) -> None:
    failing = Received(lambda _: True)
    running = feed({"failing": failing}, first_delay=3600, longest_delay=3600)
    store(archive, 1)
    failing.next(1)
    running.stop()
    assert not any(t.name.startswith("change-feed") for t in threading.enumerate())


def test_one_process_runs_the_feed_of_a_folder(scene: Scene, feed: MakeFeed) -> None:
    """The second says which folder; without consumers there is no feed to run."""
    feed({"one": Received()})
    second = ChangeFeed(scene.database, {"one": Received()}, scene.data)
    with pytest.raises(ConfigurationError, match="another process runs the change feed of"):
        second.start()
    second.stop()
    idle = ChangeFeed(scene.database, {}, scene.data)
    idle.start()
    idle.stop()


def test_the_commit_of_another_process_wakes_the_feed(
    scene: Scene, pacs_index_url: str, feed: MakeFeed, tmp_path: Path
) -> None:
    """A worker or ``pacs import`` rings; nobody looks again and again."""
    scene.archive()
    consumer = Received()
    feed({"one": consumer})
    data = tmp_path / "image"
    data.write_bytes(encoded(mr_image()))
    script = (
        "import sys; from pathlib import Path\n"
        "from pacs_framework.index.database import open_database\n"
        "from pacs_framework.testing.arrivals import send\n"
        "from pacs_framework.testing.scene import Scene\n"
        "database = open_database(sys.argv[1])\n"
        "scene = Scene(database, Path(sys.argv[2]))\n"
        "send(scene.archive(), Path(sys.argv[3]).read_bytes())\n"
        "scene.end(); database.close()\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, pacs_index_url, str(scene.data), str(data)], check=True
    )
    assert consumer.next(1) == [1]


@pytest.mark.postgresql
def test_the_commit_of_another_node_wakes_the_feed(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Two nodes share the database and no folder."""
    url = request.getfixturevalue("pacs_postgres").new_database()
    here, there = open_database(url), open_database(url)
    consumer = Received()
    (tmp_path / "here").mkdir()
    feed = ChangeFeed(here, {"one": consumer}, tmp_path / "here")
    feed.start()
    node = Scene(there, tmp_path / "there")
    store(node.archive(), 1, 2)
    assert consumer.next(2) == [1, 2]
    node.end()
    feed.stop()
    here.close()
    there.close()


def test_a_bell_that_nobody_hears_is_no_matter(tmp_path: Path) -> None:
    """No listener, a full pipe, and a listener that went: ringing never waits."""
    bell = Bell(tmp_path / "bell")
    for _ in range(100_000):
        bell.ring()
    listener = BellListener(tmp_path / "bell")
    listener.wait()
    listener.close()
    bell.ring()
    again = BellListener(tmp_path / "bell")
    again.wait()
    bell.close()
    again.close()


def test_a_file_in_place_of_the_bell_is_named(tmp_path: Path) -> None:
    (tmp_path / "bell").write_text("")
    with pytest.raises(FileExistsError, match="the archive keeps a pipe there"):
        BellListener(tmp_path / "bell")
