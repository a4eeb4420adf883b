"""What a running archive does by itself: copies made up for, studies moved and called back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from structlog.testing import capture_logs

from pacs_framework.archive.verify import verify
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.running import RunningArchive, running_archive
from pacs_storage_filesystem import plugin as filesystem
from pacs_storage_tiered import plugin
from pacs_storage_tiered.marking import MARK
from pacs_storage_tiered.naming import Key

_SECONDS = 30  # a net, not a measurement


@contextmanager
def running(folder: Path, **changed: Any) -> Iterator[RunningArchive]:
    hot = {name: (folder / name).as_uri() for name in ("one", "two")}
    cold = {"cold": (folder / "cold").as_uri()}
    tiers = [
        {"name": "hot", "places": hot, "quorum": 1, "days": 0, "idle_days": 1},
        {"name": "cold", "places": cold},
    ]
    settings = {
        "storage": {"url": "tiered:"},
        "plugin": {
            "storage-filesystem": {"reserve": 0},
            "storage-tiered": {
                "tiers": tiers,
                "retry_after": 0.1,
                "cycle": 0,
                "recall_free": 0,
                **changed,
            },
        },
    }
    plugins = {"storage-filesystem": filesystem, "storage-tiered": plugin}
    with running_archive(folder / "data", plugins, settings=settings) as archive:
        yield archive


def objects(folder: Path) -> list[Path]:
    """By a walk that bears folders which go in the meantime."""
    found = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    return sorted(
        path for path in found if path.suffix == ".dcm" and MARK.instance not in path.name
    )


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def test_a_place_that_comes_back_gets_its_copies(tmp_path: Path) -> None:
    """Nobody has to ask for it. Here a file was in the way of its folder."""
    (tmp_path / "two").write_text("in the way")
    with running(tmp_path) as archive:
        archive.take_in(make_instance())
        assert len(objects(tmp_path / "one")) == 1
        (tmp_path / "two").unlink()
        wait_until(lambda: len(objects(tmp_path / "two")) == 1)
        assert list(verify(archive.archive)) == []


def test_a_damaged_copy_is_replaced_by_what_the_index_knows(tmp_path: Path) -> None:
    """Though there are only two, and the damaged one is the first."""
    structlog.reset_defaults()  # `capture_logs` hears only what the level set before lets through
    with running(tmp_path) as archive:
        archive.take_in(make_instance())
        [path] = objects(tmp_path / "one")
        data = path.read_bytes()
        path.write_bytes(data[:-1] + b"\xff")
        [found] = verify(archive.archive)
        assert found.detail == "copy in 'one'"
        storage = archive.archive.storage
        key = next(storage.list()).key
        with capture_logs() as log:
            storage.book.owe_repair(Key.parse(key), "test")
            wait_until(lambda: path.exists() and path.read_bytes() == data)
            wait_until(lambda: storage.book.counts() == {})
            wait_until(lambda: "a copy was repaired" in [entry["event"] for entry in log])
        [told] = [each for each in log if each["event"] == "a copy was repaired"]
        assert (told["place"], told["source"], told["was"]) == ("one", "two", "damaged")


def test_without_a_right_copy_nothing_is_touched(tmp_path: Path) -> None:
    """It stays owed, with a reason."""
    with running(tmp_path) as archive:
        archive.take_in(make_instance())
        damaged = objects(tmp_path / "one") + objects(tmp_path / "two")
        for path in damaged:
            path.write_bytes(path.read_bytes()[:-1] + b"\xff")
        left = [path.read_bytes() for path in damaged]
        storage = archive.archive.storage
        key = Key.parse(next(storage.list()).key)
        storage.book.owe_repair(key, "test")
        wait_until(lambda: storage.book.tasks(1)[0].attempts > 1)
        assert storage.book.tasks(1)[0].error == "no copy of it is right (damaged in: one, two)"
        assert [path.read_bytes() for path in damaged] == left


def test_a_cycle_moves_what_nobody_read_and_a_retrieval_calls_it_back(tmp_path: Path) -> None:
    """While the archive runs; what is sent meanwhile is what was stored."""
    with running(tmp_path, cycle=0.2) as archive:
        archive.take_in(make_instance())
        wait_until(lambda: len(objects(tmp_path / "cold")) == 1)
        wait_until(lambda: not objects(tmp_path / "one") + objects(tmp_path / "two"))
        storage = archive.archive.storage
        with storage.open(next(storage.list()).key) as source:
            assert source.read(132).endswith(b"DICM")
        wait_until(lambda: len(objects(tmp_path / "two")) == 1 and not objects(tmp_path / "cold"))
        assert list(verify(archive.archive)) == []
