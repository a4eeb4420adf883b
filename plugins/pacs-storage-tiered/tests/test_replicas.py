"""Copies: enough before SUCCESS, the others later, whatever becomes of a place."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from pacs_framework.errors import ObjectNotFound, OutOfResources, StorageError
from pacs_framework.testing.objects import keys
from pacs_storage_tiered.book import Kind

DATA = b"the object"


def full(operation: str) -> None:
    if operation == "write":
        raise OutOfResources("no room is left")


def test_every_place_of_the_first_tier_gets_a_copy(scene) -> None:
    """And no other one."""
    scene.open(quorum=2).put()
    assert scene["one"].contents() == scene["two"].contents() == {DATA}
    assert scene["cold"].contents() == set()
    assert scene.owed() == []


@pytest.mark.parametrize("operation", ["begin", "write", "commit"])
def test_a_copy_that_failed_is_put_down_and_made_later(scene, operation: str) -> None:
    """Wherever it failed; the log and the note name the place and the cause."""

    def fail(asked: str) -> None:
        if asked == operation:
            raise StorageError("unplugged")

    scene.open()
    scene["two"].fault = fail
    with capture_logs() as log:
        scene.put()
    assert {(e["place"], e["cause"]) for e in log if e["event"] == "a place failed"} == {
        ("two", "unplugged")
    }
    [owed] = scene.owed()
    assert (owed.kind, owed.error) == (Kind.REPAIR, "two: unplugged")
    assert scene["two"].contents() == set()
    scene["two"].fault = lambda _operation: None
    assert scene.work() == (1, [])
    assert scene["two"].contents() == {DATA}
    assert scene.owed() == []


def test_work_on_a_place_that_stays_away_is_put_off(scene, away) -> None:
    """With its cause; it is not lost."""
    scene.open()
    scene["two"].fault = away
    scene.put()
    done, [waiting] = scene.work()
    assert done == 0
    [owed] = scene.owed()
    assert (owed.key, owed.attempts, owed.error) == (waiting.key, 1, "two: unplugged")
    assert owed.due > owed.since


def test_with_too_few_places_the_object_is_refused_and_nothing_stays(scene, away) -> None:
    """The error names the place and what it said."""
    scene.open(quorum=2)
    scene["two"].fault = away
    with pytest.raises(StorageError, match=r"fewer than 2 places .*\(two: unplugged\)"):
        scene.put()
    assert scene["one"].contents() == set()
    assert scene.owed() == []


def test_a_commit_that_fails_in_too_many_places_is_undone_in_the_others(scene) -> None:
    """Also where it was done."""

    def fail(asked: str) -> None:
        if asked == "commit":
            raise StorageError("unplugged")

    scene.open(quorum=2)
    scene["two"].fault = fail
    with pytest.raises(StorageError, match="unplugged"):
        scene.put()
    assert keys(scene.backend) == set()
    assert scene["one"].contents() == set()


def test_a_full_disk_is_told_as_such(scene) -> None:
    """Where it is the only reason."""
    scene.open(quorum=2)
    scene["two"].fault = full
    with pytest.raises(OutOfResources, match=r"two: no room is left"):
        scene.put()


def test_a_full_disk_still_gives_out_what_it_has(scene) -> None:
    """Failures to write and to read are counted apart."""
    scene.open()
    key = scene.put()
    scene["one"].fault = full
    for number in range(4):
        scene.put(version=f"{number:024x}", study="1.9")
    scene["two"].fault = lambda operation: full("write") if operation == "open" else None
    assert scene.read(key) == DATA
    assert scene["one"].operations[-1] == "read"


def test_a_slow_place_does_not_hold_up_the_others(scene) -> None:
    """Once the quorum is there, no longer than ``patience``; its copy is made later."""
    free = threading.Event()

    def slow(operation: str) -> None:
        if operation == "commit":
            free.wait(60)

    scene.open(patience=0.05)
    scene["two"].fault = slow
    with capture_logs() as log:
        scene.put()
    assert [(e["place"], e["cause"]) for e in log] == [("two", "has not answered")]
    [owed] = scene.owed()
    assert owed.error == "two: place 'two' has not answered"
    free.set()
    scene["two"].fault = lambda _operation: None
    assert scene.work() == (1, [])
    assert scene["two"].contents() == {DATA}


def test_after_three_failures_a_place_is_left_alone_for_a_while(scene, away) -> None:
    """And what it misses is put down."""
    scene.open(retry_after=3600)
    scene["two"].operations.clear()
    scene["two"].fault = away
    for number in range(5):
        scene.put(version=f"{number:024x}")
    assert scene["two"].operations.count("begin") == 3
    assert len(scene.owed()) == 5


# --- reading -----------------------------------------------------------------------------------


def test_reading_goes_to_the_next_place_when_one_fails(scene, away) -> None:
    scene.open()
    key = scene.put()
    scene["one"].fault = away
    assert scene.read(key) == DATA
    assert scene.read(key, offset=4, length=3) == DATA[4:7]
    assert scene.backend.stat(str(key)).size == len(DATA)


def test_reading_goes_on_elsewhere_from_the_middle_of_an_object(scene, away) -> None:
    """Nobody gets a byte twice, or none."""
    scene.open()
    key = scene.put()
    with scene.backend.open(str(key), offset=1, length=7) as source:
        first = source.read(3)
        scene["one"].fault = away
        with capture_logs() as log:
            buffer = bytearray(100)
            count = source.readinto(buffer)
    assert first + buffer[:count] == DATA[1:8]
    assert [(e["place"], e["other"]) for e in log if "other" in e] == [("one", "two")]


def test_an_object_is_only_said_to_be_missing_when_that_is_certain(scene, away) -> None:
    """Not while a place is away that may have the only copy."""
    scene.open(quorum=1)
    key = scene.put()
    for path in scene["one"].files():
        path.unlink()
    scene["two"].fault = away
    with pytest.raises(StorageError, match=r"in a place that does not answer \(two: unplugged\)"):
        scene.read(key)
    scene["two"].fault = lambda _operation: None
    assert scene.read(key) == DATA


def test_with_a_quorum_of_all_one_place_is_enough_to_say_that_nothing_is_there(scene, away) -> None:
    """So the archive is not told to be ill for one place of two."""
    scene.open(quorum=2)
    key = scene.put()
    scene.backend.delete(str(key))
    scene["two"].fault = away
    with pytest.raises(ObjectNotFound):
        scene.read(key)


def test_a_copy_that_a_read_finds_missing_is_made_again(scene) -> None:
    scene.open()
    key = scene.put()
    for path in scene["one"].files():
        path.unlink()
    assert scene.read(key) == DATA
    assert [task.error for task in scene.owed()] == ["found missing when it was read: one"]
    assert scene.work() == (1, [])
    assert scene["one"].contents() == {DATA}


# --- repair ------------------------------------------------------------------------------------


def test_copies_that_differ_stay_as_they_are_when_nobody_knows_the_right_one(scene) -> None:
    """The index knows; without it there is no telling."""
    scene.open()
    key = scene.put()
    [damaged] = scene["two"].files()
    damaged.write_bytes(b"the 0bject")
    scene.backend.book.owe_repair(key, "test")
    done, [_] = scene.work()
    assert done == 0
    assert scene["one"].contents() == {DATA}
    assert scene["two"].contents() == {b"the 0bject"}
    assert "its copies differ" in scene.owed()[0].error


def test_a_place_that_gives_back_other_bytes_keeps_no_copy(scene) -> None:
    """What was written is read back."""
    scene.open()
    scene["two"].fault = lambda operation: full("write") if operation == "begin" else None
    scene.put()

    def lie(operation: str) -> None:
        if operation == "open":
            for path in scene["two"].files():
                path.write_bytes(b"the 0bject")

    scene["two"].fault = lie
    done, [_] = scene.work()
    assert done == 0
    assert scene["two"].contents() == set()
    assert scene.owed()[0].error == "two: place 'two' gives back other bytes than it got"


# --- deleting ----------------------------------------------------------------------------------


def test_what_was_deleted_while_a_place_was_away_does_not_come_back(scene, away) -> None:
    """Neither by its key nor in the list, until the place is told."""
    scene.open()
    key = scene.put()
    scene["two"].fault = away
    scene.backend.delete(str(key))
    scene["two"].fault = lambda _operation: None
    assert scene["two"].contents() == {DATA}
    assert keys(scene.backend) == set()
    with pytest.raises(ObjectNotFound, match="is deleted"):
        scene.read(key)
    with pytest.raises(ObjectNotFound, match="is deleted"):
        scene.backend.stat(str(key))
    assert scene.work() == (1, [])
    assert scene["two"].contents() == set()


def test_a_delete_is_not_undone_by_the_copy_that_is_being_made(scene) -> None:
    """Whoever copies looks afterwards whether it is still wanted."""
    scene.open()
    scene["two"].fault = lambda operation: full("write") if operation == "begin" else None
    key = scene.put()

    def delete_meanwhile(operation: str) -> None:
        if operation == "commit":
            scene["two"].fault = lambda _operation: None
            scene.backend.delete(str(key))

    scene["two"].fault = delete_meanwhile
    scene.work()
    assert scene["one"].contents() == scene["two"].contents() == set()


def test_a_list_needs_as_many_places_as_may_hold_the_only_copies(scene, away) -> None:
    """Less would be a list without objects that are there."""
    scene.open(hot=("one", "two", "three"), quorum=2)
    key = scene.put()
    scene["one"].fault = away
    assert keys(scene.backend) == {str(key)}
    scene["two"].fault = away
    with pytest.raises(StorageError, match="places one, two of tier 'hot' cannot be listed"):
        keys(scene.backend)


# --- crashes -----------------------------------------------------------------------------------


def test_what_a_dead_process_was_writing_is_repaired_after_the_next_start(scene) -> None:
    """One place had committed, and the other had not."""
    scene.open()
    key = scene.put()
    [path] = scene["two"].files()
    path.unlink()
    scene.backend._under_way.begin(str(key)).result()
    scene.close()  # keeps the note, as a kill does
    scene.open()
    scene.backend.recover()
    assert [task.key for task in scene.owed()] == [key]
    assert scene.work() == (1, [])
    assert scene["two"].contents() == {DATA}


def test_a_place_that_is_away_at_the_start_is_opened_when_it_is_back(scene) -> None:
    opened = scene._folder
    scene._folder = lambda url: _refuse() if url == "file:two" else opened(url)
    scene.open()
    scene.put()
    scene._folder = opened
    with closing(scene.backend):
        for place in scene.backend.places:
            place._open_url = opened
        assert scene.work() == (1, [])
        assert scene["two"].contents() == {DATA}


def _refuse() -> None:
    raise StorageError("not mounted")
