"""Nodes on one PostgreSQL: each consumer is served by one of them, and goes to another one when
that ends, however it ends.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from pacs_framework.archive.changes import Change
from pacs_framework.archive.feed import ChangeFeed, Consume
from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.tenure import ServerTenure
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

pytestmark = pytest.mark.postgresql

DEADLINE = 30  # seconds after which a test has failed; nothing waits for it otherwise
NODE = """
import sys
from pathlib import Path
from pacs_framework.archive.feed import ChangeFeed
from pacs_framework.index.database import open_database

def consume(changes):
    print(changes[0].sequence, flush=True)

database = open_database(sys.argv[1])
feed = ChangeFeed(database, {"one": consume}, Path(sys.argv[2]), lease=float(sys.argv[3]))
feed.start()
sys.stdin.read()
feed.stop()
database.close()
"""


class Node:
    """A process that runs the feed with a consumer ``one``, and what that was handed."""

    def __init__(self, url: str, folder: Path, lease: float) -> None:
        folder.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", NODE, url, str(folder), str(lease)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):  # else it is the log
                self._lines.put(str(int(line)))

    def next(self, number: int) -> list[int]:
        return [int(self._lines.get(timeout=DEADLINE)) for _ in range(number)]

    def silent(self) -> bool:
        return self._lines.empty()

    def kill(self) -> None:
        """As a power cut does; harmless when it has ended."""
        self.process.kill()
        self.end()

    def end(self) -> int:
        """In order; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


class Cluster:
    """Nodes on one database, and a door for instances."""

    def __init__(self, url: str, folder: Path, undo: ExitStack) -> None:
        self.url = url
        self._folder = folder
        self._undo = undo
        self._names = iter(range(1000))
        self.database = self.open()
        scene = Scene(self.database, self.new_folder())
        undo.callback(scene.end)
        self._archive = scene.archive()

    def open(self) -> Database:
        opened = open_database(self.url)
        self._undo.callback(opened.close)
        return opened

    def new_folder(self) -> Path:
        return self._folder / str(next(self._names))

    def store(self, *numbers: int) -> None:
        for number in numbers:
            send(self._archive, encoded(mr_image(number)), announced(number))

    def process(self, lease: float = 30.0) -> Node:
        """The first node; it serves the consumer when this returns."""
        node = Node(self.url, self.new_folder(), lease)
        self._undo.callback(node.kill)
        self.wait_until(lambda: self._locks(granted=True) == 1)
        return node

    def feed(
        self, consumer: Consume | None = None, **options: object
    ) -> tuple[ChangeFeed, Received]:
        """A node in this process; its consumer is ``one`` too."""
        received = Received()
        folder = self.new_folder()
        folder.mkdir()
        made = ChangeFeed(self.open(), {"one": consumer or received}, folder, **options)  # type: ignore[arg-type]
        self._undo.callback(made.stop)
        made.start()
        return made, received

    def cursor(self) -> int | None:
        return ChangeReader(self.database).cursor("one")

    def end_sessions(self) -> None:
        """As an administrator does, or a restart of the server."""
        with self.database.writing() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                    "AND granted AND classid <> 0 AND pid <> pg_backend_pid()"
                )
            )

    def wait_until_waiting(self, number: int) -> None:
        """As many sessions wait for the consumer."""
        self.wait_until(lambda: self._locks(granted=False) == number)

    def _locks(self, *, granted: bool) -> int:
        query = "SELECT count(*) FROM pg_locks WHERE granted = :granted AND classid <> 0 "
        query += "AND locktype = 'advisory'"
        with self.database.reading() as connection:
            return int(connection.scalar(sa.text(query), {"granted": granted}) or 0)

    def wait_until(self, look: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not look():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.01)


class Received:
    """A consumer that can be asked for what it got."""

    def __init__(self) -> None:
        self.changes: queue.Queue[int] = queue.Queue()

    def __call__(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.changes.put(change.sequence)

    def next(self, number: int) -> list[int]:
        return [self.changes.get(timeout=DEADLINE) for _ in range(number)]


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    url = request.getfixturevalue("pacs_postgres").new_database()
    with ExitStack() as undo:
        yield Cluster(url, tmp_path, undo)


def test_one_node_serves_a_consumer_and_hands_it_over_when_it_stops(cluster: Cluster) -> None:
    """Each change once, over both of them."""
    first, here = cluster.feed()
    cluster.store(1)
    assert here.next(1) == [1]
    _, there = cluster.feed()
    cluster.wait_until_waiting(1)
    cluster.store(2, 3)
    assert here.next(2) == [2, 3]
    assert there.changes.empty()
    first.stop()
    cluster.store(4)
    assert there.next(1) == [4]
    assert here.changes.empty()


def test_a_node_that_is_killed_loses_its_consumers_at_once(cluster: Cluster) -> None:
    """Its session ends with it; what it had not saved comes again."""
    killed = cluster.process(lease=3600)
    _, there = cluster.feed(lease=3600)
    cluster.wait_until_waiting(1)
    cluster.store(1, 2)
    assert killed.next(2) == [1, 2]
    killed.kill()
    cluster.store(3)
    taken = there.next(1)
    while taken[-1] < 3:
        taken += there.next(1)
    assert taken == list(range(taken[0], 4))


def test_a_node_that_stands_still_loses_its_consumers_after_the_lease(cluster: Cluster) -> None:
    """Its connections stay open, so only its silence tells. When it goes on, it hands nothing over
    behind the back of the node that took its place, and stands in line behind it.
    """
    stopped = cluster.process(lease=1)
    cluster.store(1)
    assert stopped.next(1) == [1]
    feed, there = cluster.feed()
    cluster.wait_until_waiting(1)
    os.kill(stopped.process.pid, signal.SIGSTOP)
    cluster.store(2)
    began = time.monotonic()
    while 2 not in there.next(1):
        pass
    assert time.monotonic() - began < 10
    os.kill(stopped.process.pid, signal.SIGCONT)
    cluster.wait_until_waiting(1)
    cluster.store(3)
    assert there.next(1) == [3]
    assert stopped.silent()
    feed.stop()
    cluster.store(4)
    assert stopped.next(1) == [4]
    assert stopped.end() == 0
    assert cluster.cursor() == 4


def test_who_lost_a_consumer_cannot_move_its_cursor(cluster: Cluster) -> None:
    """The cursor moves in the session that holds the lock, and that is gone."""
    tenure = ServerTenure(cluster.open(), ChangeReader(cluster.database), "one", 30.0)
    assert tenure.take() == 0
    tenure.advance(1)
    cluster.end_sessions()
    with pytest.raises(IndexUnavailable, match="the index failed"):
        tenure.advance(2)
    assert not tenure.held
    with pytest.raises(IndexUnavailable, match="'one' is not served by this process"):
        tenure.advance(3)
    tenure.close()
    assert cluster.cursor() == 1


def test_a_silent_owner_knows_that_it_may_have_lost_the_consumer(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without asking: it may be cut off from the server."""
    tenure = ServerTenure(cluster.open(), ChangeReader(cluster.database), "one", 30.0)
    tenure.take()
    clock = "pacs_framework.index.tenure.time.clock_gettime"
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    monkeypatch.setattr(clock, lambda _: now + 29)
    assert tenure.held
    tenure.confirm()
    monkeypatch.setattr(clock, lambda _: now + 58)
    assert tenure.held
    monkeypatch.setattr(clock, lambda _: now + 60)
    assert not tenure.held
    tenure.close()


def test_a_feed_whose_session_ended_takes_its_consumers_again(cluster: Cluster) -> None:
    """After a restart of the server, for example; nothing is lost."""
    _, here = cluster.feed(lease=0.3, first_delay=0.01)
    cluster.store(1)
    assert here.next(1) == [1]
    cluster.end_sessions()
    cluster.store(2)
    while 2 not in here.next(1):
        pass


def test_a_consumer_that_takes_longer_than_the_lease_keeps_it(cluster: Cluster) -> None:
    """The node lives, so the change is not handed to another one as well."""
    began, release = threading.Event(), threading.Event()

    def slow(_: Sequence[Change]) -> None:
        began.set()
        release.wait(DEADLINE)

    cluster.feed(slow, lease=0.5)
    cluster.store(1)
    assert began.wait(DEADLINE)
    _, there = cluster.feed()
    cluster.wait_until_waiting(1)
    with pytest.raises(queue.Empty):
        there.changes.get(timeout=1.5)
    release.set()


def test_a_node_where_a_plugin_is_idle_leaves_its_cursor_alone(cluster: Cluster) -> None:
    """The other node is away for a moment: what is stored meanwhile waits for it."""
    first, here = cluster.feed()
    cluster.store(1)
    assert here.next(1) == [1]
    first.stop()
    folder = cluster.new_folder()
    folder.mkdir()
    idle = ChangeFeed(cluster.open(), {}, folder, idle={"one"})
    idle.start()
    cluster.store(2)
    _, again = cluster.feed()
    assert again.next(1) == [2]
    idle.stop()


def test_a_feed_that_waits_for_its_consumers_stops_at_once(cluster: Cluster) -> None:
    """And leaves nobody waiting in the server."""
    cluster.process()
    waiting, _ = cluster.feed()
    cluster.wait_until_waiting(1)
    began = time.monotonic()
    waiting.stop(grace=20)
    assert time.monotonic() - began < 10
    cluster.wait_until_waiting(0)


def test_nodes_that_start_together_register_a_consumer_once(cluster: Cluster) -> None:
    gate = threading.Barrier(4)
    places: queue.Queue[int] = queue.Queue()
    cluster.store(1, 2)

    def register(database: Database) -> None:
        gate.wait(DEADLINE)
        places.put(ChangeReader(database).register("one"))

    threads = [threading.Thread(target=register, args=(cluster.open(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert [places.get(timeout=DEADLINE) for _ in threads] == [2] * 4
    for thread in threads:
        thread.join(DEADLINE)
