"""Tiers: what goes on, what stays, what comes back, and that nothing is lost on the way."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pacs_framework.errors import StorageError
from pacs_framework.tables import now
from pacs_framework.testing.objects import keys
from pacs_storage_tiered.book import Kind
from pacs_storage_tiered.keeper import owe_cycle
from pacs_storage_tiered.planning import plan

DATA = b"the object"


def planned(scene) -> list[str]:
    return [step.key.version for step in plan(scene.backend)]


def version_of_age(days: float, number: int = 0) -> str:
    moment = now() - dt.timedelta(days=days)
    return f"{int(moment.timestamp() * 1e6):014x}{number:010x}"


def test_what_came_in_long_ago_goes_on_and_the_rest_stays(scene) -> None:
    """The tier has days = 30."""
    scene.open()
    old, young = version_of_age(31), version_of_age(29)
    scene.put(version=young)
    scene.put(version=old)
    assert planned(scene) == [old]


def test_a_study_that_was_read_lately_stays(scene) -> None:
    """All of it; the tier has idle_days = 10. A range is not a read of the object."""
    scene.open()
    read, other = scene.put(study="1.2"), scene.put(study="1.9")
    scene.read(read)
    scene.read(other, offset=0, length=3)
    scene.backend.noting.put_down()
    assert [step.key for step in plan(scene.backend)] == [other]
    scene.backend.book.note_reads({"1.2": now() - dt.timedelta(days=11)})
    assert {step.key for step in plan(scene.backend)} == {read, other}


def test_a_pinned_study_stays_until_it_is_unpinned(scene) -> None:
    """Also where its move was planned before."""
    scene.open()
    key = scene.put()
    owe_cycle(scene.backend)
    scene.backend.book.pin([key.study], "teaching file")
    assert plan(scene.backend) == []
    assert scene.work() == (1, [])
    assert scene["one"].contents() == {DATA}
    assert scene.backend.book.unpin([key.study]) == 1
    assert [step.key for step in plan(scene.backend)] == [key]


def test_a_cycle_moves_the_oldest_within_its_limits(scene) -> None:
    """In objects and in bytes; a larger object than all of it goes alone."""
    scene.open(cycle_objects=3, cycle_size=25)
    versions = [f"{number:024x}" for number in range(1, 6)]
    for version in reversed(versions):
        scene.put(version=version)
    assert planned(scene) == versions[:2]
    scene.close()
    scene.open(cycle_objects=3, cycle_size=1)
    assert planned(scene) == versions[:1]
    scene.close()
    scene.open(cycle_objects=3)
    assert planned(scene) == versions[:3]


def test_a_moved_object_is_in_its_new_tier_only_and_reads_as_before(scene) -> None:
    scene.open()
    key = scene.put()
    assert owe_cycle(scene.backend) == 1
    assert scene.work() == (1, [])
    assert scene["one"].contents() == scene["two"].contents() == set()
    assert scene["cold"].contents() == {DATA}
    assert scene.read(key, offset=4, length=3) == DATA[4:7]
    assert keys(scene.backend) == {str(key)}
    assert scene.owed() == []


def test_what_is_read_whole_in_a_lower_tier_comes_back(scene) -> None:
    """It is given out at once, and is in the first tier soon; ranges stay where they are."""
    scene.open()
    key = scene.put()
    owe_cycle(scene.backend)
    scene.work()
    scene.read(key, offset=1, length=2)
    assert scene.owed() == []
    assert scene.read(key) == DATA
    [owed] = scene.owed()
    assert (owed.kind, owed.tier) == (Kind.MOVE, "hot")
    assert scene.work() == (1, [])
    assert scene["one"].contents() == scene["two"].contents() == {DATA}
    assert scene["cold"].contents() == set()
    assert plan(scene.backend) == []  # it was read lately


def test_nothing_comes_back_while_the_first_tier_has_little_room(scene) -> None:
    """New objects need it."""
    scene.open(recall_free=1 << 60)
    key = scene.put()
    owe_cycle(scene.backend)
    scene.work()
    assert scene.read(key) == DATA
    assert scene.work() == (1, [])
    assert scene["cold"].contents() == {DATA}
    assert scene["one"].contents() == set()


def test_without_recall_objects_stay_in_the_lower_tier(scene) -> None:
    scene.open(recall=False)
    key = scene.put()
    owe_cycle(scene.backend)
    scene.work()
    assert scene.read(key) == DATA
    assert scene.owed() == []


def test_nothing_is_deleted_before_the_new_copy_was_read_back(scene) -> None:
    """A tier that loses a byte gets no object."""

    def lie(operation: str) -> None:
        if operation == "open":
            for path in scene["cold"].files():
                path.write_bytes(b"the 0bject")

    scene.open()
    key = scene.put()
    scene["cold"].fault = lie
    owe_cycle(scene.backend)
    done, [_] = scene.work()
    assert done == 0
    assert scene["one"].contents() == scene["two"].contents() == {DATA}
    assert scene["cold"].contents() == set()
    assert scene.read(key) == DATA


def test_a_move_waits_for_a_place_that_is_away(scene, away) -> None:
    """It stays owed, and is done when the place is back."""
    scene.open()
    scene.put()
    owe_cycle(scene.backend)
    scene["cold"].fault = away
    done, [_] = scene.work()
    assert done == 0
    assert scene["one"].contents() == {DATA}
    scene["cold"].fault = lambda _operation: None
    assert scene.work() == (1, [])
    assert scene["cold"].contents() == {DATA}


def test_only_one_node_has_a_cycle(scene) -> None:
    """The others hear how long it is until the next."""
    book = scene.open().backend.book
    assert book.claim_cycle(3600) == 0
    assert 3590 < book.claim_cycle(3600) <= 3600


def test_of_two_workers_one_has_a_task(scene) -> None:
    scene.open()
    scene.put()
    owe_cycle(scene.backend)
    first = scene.backend.book.claim()
    assert first is not None
    assert scene.backend.book.claim() is None
    assert scene.backend.book.holds(first)


# --- crashes -----------------------------------------------------------------------------------

_MOVE = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import Scene, OLD
from pacs_storage_tiered.naming import Key
scene = Scene(Path({folder!r})).open()
left = {left}
def count(operation):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
for folder in scene.folders.values():
    folder.fault = count
scene.work()
scene.close()
"""


@pytest.mark.crash
def test_a_move_that_is_killed_at_any_step_loses_nothing(scene, tmp_path) -> None:
    """After each kill the object reads as before, and the next start brings it to its end."""
    scene.open()
    key = scene.put()
    owe_cycle(scene.backend)
    scene.close()
    kills = 0
    for left in (3, 7, 10, 12, 14, 15, 99):
        script = _MOVE.format(tests=str(Path(__file__).parent), folder=str(tmp_path), left=left)
        ended = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
        scene.open(recall=False)
        scene.backend.recover()
        assert scene.read(key) == DATA
        assert keys(scene.backend) == {str(key)}
        if ended.returncode == 0:
            scene.close()
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        kills += 1
        with scene.tables("storage-tiered").begin() as connection:  # the lease of the dead is over
            connection.exec_driver_sql("UPDATE storage_tiered_task SET due = since")
        scene.close()
    assert kills >= 3
    scene.open()
    assert scene["one"].contents() == scene["two"].contents() == set()
    assert scene["cold"].contents() == {DATA}


@pytest.mark.parametrize("step", range(24))
def test_a_move_that_breaks_off_at_any_step_can_be_done_again(scene, step: int) -> None:
    """Whatever operation of whatever place was the last."""
    scene.open()
    key = scene.put()
    owe_cycle(scene.backend)
    left = step

    def count(_operation: str) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            raise StorageError("broken off")

    for folder in scene.folders.values():
        folder.fault = count
    scene.work()
    for folder in scene.folders.values():
        folder.fault = lambda _operation: None
    assert scene.read(key) == DATA
    scene.backend.noting._recalled.clear()
    scene.backend.noting._reads.clear()
    scene.work()
    assert scene["one"].contents() == scene["two"].contents() == set()
    assert scene["cold"].contents() == {DATA}
    assert scene.owed() == []
